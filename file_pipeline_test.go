package wal

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/vfs"
)

func newPipeline(t *testing.T, fsys vfs.FS, size int64, reserve bool) *filePipeline {
	t.Helper()
	d, err := fsys.OpenDir(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return &filePipeline{dir: d, size: size, reserve: reserve}
}

func TestFilePipeline_APreparedFileIsLockedAndZeroWhateverWasInIt(t *testing.T) {
	for _, size := range []int64{512, 4096, 100_001} {
		for _, reserve := range []bool{true, false} {
			for _, waited := range []bool{true, false} {
				p := newPipeline(t, vfs.OS{}, size, reserve)
				old := bytes.Repeat([]byte{0xFF}, int(2*size))
				require.NoError(t, os.WriteFile(filepath.Join(p.dir.Path(), "7.tmp"), old, 0o600))
				if waited {
					p.start(7)
					<-p.next.done
				}
				f, tmp, err := p.take(7)
				require.NoError(t, err)
				require.Equal(t, "7.tmp", tmp)
				name := filepath.Join(p.dir.Path(), tmp)
				got, err := os.ReadFile(name)
				require.NoError(t, err)
				want := size
				if !reserve {
					want = 0
				}
				require.Equal(t, make([]byte, want), append([]byte{}, got...))
				_, err = p.dir.OpenLocked(tmp)
				require.ErrorIs(t, err, ErrLocked)
				require.NoError(t, f.Close())
				require.Nil(t, p.next)
			}
		}
	}
}

func TestFilePipeline_TheNextFileIsPreparedOnceTheSegmentIsHalfFull(t *testing.T) {
	fsys := faultfs.New()
	p := newPipeline(t, fsys, 1000, true)
	fsys.Take()
	p.progress(1, 500)
	require.Nil(t, p.next, "a short life of the log does not pay for it")
	p.progress(1, 501)
	p.progress(1, 900) // once
	<-p.next.done
	require.Equal(t, []faultfs.Call{
		{Kind: faultfs.Create, Name: "1.tmp"},
		{Kind: faultfs.Truncate, Name: "1.tmp"},
		{Kind: faultfs.Reserve, Name: "1.tmp", Off: 1000},
	}, fsys.Take())
	f, _, err := p.take(1)
	require.NoError(t, err)
	require.Empty(t, fsys.Take(), "it was ready")
	require.NoError(t, f.Close())
}

func TestFilePipeline_ClosingItLeavesNoFile(t *testing.T) {
	p := newPipeline(t, vfs.OS{}, 512, true)
	p.close()
	p.start(3)
	p.close()
	require.Nil(t, p.next)
	p.close()
	require.Empty(t, files(t, p.dir.Path()))

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

func TestFilePipeline_AFailedPreparationIsTriedAgainWhenTheFileIsTaken(t *testing.T) {
	for _, kind := range []faultfs.Kind{faultfs.Create, faultfs.Truncate, faultfs.Reserve} {
		fsys := faultfs.New()
		p := newPipeline(t, fsys, 512, true)
		fsys.FailOnce(kind, 0, syscall.ENOSPC)
		p.start(1)
		<-p.next.done
		require.Empty(t, files(t, p.dir.Path()), kind)
		f, name, err := p.take(1)
		require.NoError(t, err, kind)
		require.Len(t, files(t, p.dir.Path())[name], 512, kind)
		discard(p.dir, f, name)

		fsys.FailOnce(kind, 0, syscall.ENOSPC)
		_, _, err = p.take(2)
		require.ErrorIs(t, err, syscall.ENOSPC, kind)
		require.Empty(t, files(t, p.dir.Path()), kind)
		require.Nil(t, p.next)

		fsys.FailOnce(kind, 0, syscall.ENOSPC)
		p.start(3)
		p.close() // nobody wants to know
		require.Empty(t, files(t, p.dir.Path()), kind)
	}
}
