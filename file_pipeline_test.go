package wal

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/vfs"
)

func newPipeline(t *testing.T, fsys vfs.FS, size int64, mode Preallocation) *filePipeline {
	t.Helper()
	return &filePipeline{fs: fsys, dir: t.TempDir(), size: size, mode: mode}
}

func TestAPreparedFileIsLockedAndZeroWhateverWasInIt(t *testing.T) {
	for _, size := range []int64{512, zeroChunk, zeroChunk + 1, 3*zeroChunk + 100} {
		for _, mode := range []Preallocation{PreallocateZero, PreallocateReserve, PreallocateNone} {
			for _, waited := range []bool{true, false} {
				p := newPipeline(t, vfs.OS{}, size, mode)
				old := bytes.Repeat([]byte{0xFF}, int(2*size))
				require.NoError(t, os.WriteFile(p.tmpPath(7), old, 0o600))
				if waited {
					p.progress(7, size)
					<-p.next.done
				}
				prep, err := p.take(7)
				require.NoError(t, err)
				if waited && mode == PreallocateZero {
					require.Equal(t, size, prep.ready)
				}
				f, name := prep.file, filepath.Join(p.dir, "7.tmp")
				got, err := os.ReadFile(name)
				require.NoError(t, err)
				want := size
				if mode == PreallocateNone {
					want = 0
				}
				require.Equal(t, make([]byte, want), append([]byte{}, got...))
				_, err = vfs.OS{}.OpenLocked(name)
				require.ErrorIs(t, err, ErrLocked)
				require.NoError(t, f.Close())
				require.Nil(t, p.next)
			}
		}
	}
}

func TestPreparingZeroesEveryByteAndSyncsBeforeItIsDone(t *testing.T) {
	const size = 2*zeroChunk + 100
	fsys := newFaultFS()
	p := newPipeline(t, fsys, size, PreallocateZero)
	p.progress(1, size)
	p.progress(1, size) // once
	<-p.next.done
	ops := fsys.record()
	require.Equal(t, []op{
		{kind: opCreate, name: "1.tmp"},
		{kind: opTruncate, name: "1.tmp"},
		{kind: opReserve, name: "1.tmp", off: size},
		{kind: opWrite, name: "1.tmp", off: 0, n: zeroChunk},
		{kind: opWrite, name: "1.tmp", off: zeroChunk, n: zeroChunk},
		{kind: opWrite, name: "1.tmp", off: 2 * zeroChunk, n: 100},
		{kind: opDatasync, name: "1.tmp"},
	}, ops)
	prep, err := p.take(1)
	require.NoError(t, err)
	require.Empty(t, fsys.record(), "it was ready")
	require.EqualValues(t, size, prep.ready)
	require.NoError(t, prep.file.Close())
}

func TestZerosKeepInStepWithTheUseOfTheSegmentBefore(t *testing.T) {
	const size = 64 * zeroChunk
	fsys := newFaultFS()
	p := newPipeline(t, fsys, size, PreallocateZero)
	p.progress(1, size/8)
	require.Nil(t, p.next, "a log that is hardly used pays nothing")
	for _, step := range []struct{ used, zeroed int64 }{
		{size/8 + 1, zeroChunk},
		{size / 4, 12 * zeroChunk},
		{size / 2, 36 * zeroChunk},
		{size * 3 / 4, 60 * zeroChunk},
	} {
		p.progress(1, step.used)
		zeroed := func() (n int64) {
			fsys.mu.Lock()
			defer fsys.mu.Unlock()
			for _, o := range fsys.ops {
				if o.kind == opWrite {
					n += int64(o.n)
				}
			}
			return n
		}
		require.Eventually(t, func() bool { return zeroed() == step.zeroed }, 10*time.Second, time.Millisecond, "used %d", step.used)
	}
	prep, err := p.take(1)
	require.NoError(t, err)
	require.EqualValues(t, 60*zeroChunk, prep.ready, "all that is zeroed is synced in steps of %d", zeroSync)
	require.NoError(t, prep.file.Close())
}

// The writer that needs the file does not wait for the rest of the zeros.
func TestTakingHurriesThePreparation(t *testing.T) {
	const chunks = 50
	fsys := newFaultFS()
	p := newPipeline(t, fsys, chunks*zeroChunk, PreallocateZero)
	writing, goOn := make(chan struct{}), make(chan struct{})
	first := true
	fsys.setFail(func(o op) (int, error) {
		if o.kind == opWrite && first {
			first = false
			close(writing)
			<-goOn
		}
		return 0, nil
	})
	p.progress(1, chunks*zeroChunk)
	<-writing
	time.AfterFunc(10*time.Millisecond, func() { close(goOn) })
	prep, err := p.take(1)
	require.NoError(t, err)
	require.Len(t, fsys.record(opWrite), 1)
	require.Zero(t, prep.ready, "what is not synced does not count")
	f := prep.file
	size, err := f.Size()
	require.NoError(t, err)
	require.EqualValues(t, chunks*zeroChunk, size, "the space is there all the same")
	require.NoError(t, f.Close())
}

func TestClosingThePipelineLeavesNoFile(t *testing.T) {
	p := newPipeline(t, vfs.OS{}, 512, PreallocateZero)
	p.close()
	p.start(3)
	p.close()
	require.Nil(t, p.next)
	p.close()
	require.Empty(t, files(t, p.dir))

	w, dir := newLog(t)
	for w.pipeline.next == nil { // as if the next segment would soon be needed
		next := w.LastIndex() + 1
		require.NoError(t, w.SaveEntry(entries(next, next)))
	}
	<-w.pipeline.next.done
	require.FileExists(t, filepath.Join(dir, "1.tmp"))
	require.NoError(t, w.Close())
	require.NoFileExists(t, filepath.Join(dir, "1.tmp"))
	require.Len(t, files(t, dir), 1)
}

func TestAFailedPreparationIsReportedWhenTheFileIsTaken(t *testing.T) {
	for _, kind := range []opKind{opCreate, opTruncate, opReserve, opWrite, opDatasync} {
		fsys := newFaultFS()
		p := newPipeline(t, fsys, 512, PreallocateZero)
		failOnce(fsys, kind, 0, syscall.ENOSPC)
		p.progress(1, 512)
		<-p.next.done
		_, err := p.take(1)
		require.ErrorIs(t, err, syscall.ENOSPC, kind)
		require.Empty(t, files(t, p.dir), kind)

		failOnce(fsys, kind, 0, syscall.ENOSPC)
		p.progress(2, 512)
		p.close() // nobody wants to know
		require.Empty(t, files(t, p.dir), kind)
	}
}

// A failed preparation ends the log's life only once its file is needed.
func TestTheLogLivesUntilItNeedsTheFileThatCouldNotBePrepared(t *testing.T) {
	fsys := newFaultFS()
	w, dir := newLog(t, withFS(fsys))
	failOnce(fsys, opReserve, 0, syscall.ENOSPC)
	var err error
	acked := uint64(0)
	for err == nil {
		if err = w.SaveEntry(entries(acked+1, acked+1)); err == nil {
			acked++
		}
	}
	require.ErrorIs(t, err, ErrFailed)
	require.ErrorIs(t, err, syscall.ENOSPC)
	size := tailOf(w).off
	require.Greater(t, size, int64(testSegment*9/10), "the whole segment was used before")
	require.Error(t, w.Close())
	require.Equal(t, entries(1, acked), readAll(t, dir, nil))
	w = openLog(t, dir, nil)
	fillSegments(t, w, 1)
}
