package wal

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/memfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// zeroing returns the writes in ops that lie behind the log's own.
func zeroing(ops []faultfs.Call) (n int64) {
	for i, o := range ops {
		if o.Kind == faultfs.Write && i > 0 && ops[i-1].Kind == faultfs.Write {
			n += int64(o.N)
		}
	}
	return n
}

func TestZerofill_OneSaveInManyZeroesTheBlocksOfThoseBehindIt(t *testing.T) {
	fsys := faultfs.New()
	dir := t.TempDir()
	w, err := Create(nil, dir, nil, withFS(fsys), WithSegmentSize(4*shortStep), withClock(stopped))
	require.NoError(t, err)
	require.EqualValues(t, shortStep-tailOf(w).off, zeroing(fsys.Take(faultfs.Write)),
		"a new log is fast from its first save on")

	data := make([]byte, 10<<10)
	zeroed := 0
	for i := uint64(1); tailOf(w).off < 2*shortStep-20<<10; i++ {
		require.NoError(t, w.SaveEntry([]log.LogEntry{&walpb.Entry{Index: i, Data: data}}))
		ops := fsys.Take(faultfs.Write, faultfs.Datasync)
		require.Equal(t, faultfs.Datasync, ops[len(ops)-1].Kind, "zeros are synced with the save")
		if n := zeroing(ops); n > 0 {
			require.Equal(t, int64(2*shortStep)-tailOf(w).off, n)
			zeroed++
		}
	}
	require.Equal(t, 1, zeroed)
	last := w.LastIndex()
	crash(w)

	w, err = Open(nil, dir, nil, withFS(fsys), WithSegmentSize(4*shortStep), withClock(stopped))
	require.NoError(t, err)
	fsys.Take()
	require.NoError(t, w.SaveEntry(entries(last+1, last+1)))
	require.Zero(t, zeroing(fsys.Take(faultfs.Write)),
		"a log that is opened again keeps the blocks that it has")
	require.NoError(t, w.Close())
}

func TestZerofill_EndsWithTheSegmentAndIsAChoice(t *testing.T) {
	big := []log.LogEntry{&walpb.Entry{Index: 1, Data: make([]byte, 3*shortStep)}}
	for _, c := range []struct {
		opts []Option
		want bool
	}{
		{nil, true},
		{[]Option{WithPreallocation(PreallocateReserve)}, false},
		{[]Option{WithPreallocation(PreallocateNone)}, false},
		{[]Option{WithNoSync()}, true},
	} {
		fsys := faultfs.New()
		w, err := Create(nil, t.TempDir(), nil,
			append(c.opts, withFS(fsys), WithSegmentSize(shortStep-100))...)
		require.NoError(t, err)
		ops := fsys.Take(faultfs.Write)
		require.Equal(t, c.want, zeroing(ops) > 0)
		for _, o := range ops {
			require.LessOrEqual(t, o.Off+int64(o.N), w.opts.segmentSize)
		}
		require.NoError(t, w.SaveEntry(big))
		require.Zero(t, zeroing(fsys.Take(faultfs.Write)),
			"a save that is larger than the segment leaves nothing to zero")
		require.NoError(t, w.Close())
	}
}

// With the option that the crash tests have, a segment gets zeros ahead of some batches, none
// ahead of others, and both in turn. Whatever was written in which way, all of it is there
// afterwards, and the log goes on.
func TestZerofill_TheWayChangesFromBatchToBatch(t *testing.T) {
	fsys := faultfs.On(memfs.New())
	opts := []Option{withFS(fsys), WithSegmentSize(64 << 10), withChangingZeros()}
	w, err := Create(nil, memDir, nil, opts...)
	require.NoError(t, err)
	var last uint64
	for range 3 {
		fsys.Take()
		changes, before := 0, false
		for range 60 {
			last++
			data := make([]byte, last*37%300)
			require.NoError(t, w.SaveEntry([]log.LogEntry{&walpb.Entry{Index: last, Data: data}}))
			zeros := zeroing(fsys.Take(faultfs.Write)) > 0
			if zeros != before {
				changes++
			}
			before = zeros
		}
		require.Greater(t, changes, 10)
		crash(w)
		w, err = Open(nil, memDir, nil, opts...)
		require.NoError(t, err)
		require.Equal(t, last, w.LastIndex())
	}
	_, _, ents, err := w.ReadAll()
	require.NoError(t, err)
	require.Len(t, ents, int(last))
	require.NoError(t, w.Close())
}

// A log that is opened has read the space behind its end. That does not make it zeroed.
func TestZerofill_AlsoAfterTheSpaceWasRead(t *testing.T) {
	fsys := faultfs.New()
	dir := t.TempDir()
	w, err := Create(nil, dir, nil, WithSegmentSize(8*shortStep), withZeroStep(always(1)))
	require.NoError(t, err)
	require.NoError(t, w.SaveEntry(entries(1, 1)))
	start, _, err := w.tailSegment().file.Data(1 << 20)
	require.NoError(t, err)
	crash(w)
	if start < 8*shortStep {
		t.Skip("the file system does not say what is reserved")
	}
	f, err := os.Open(segmentsOf(t, dir)[0])
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	w, err = Open(nil, dir, nil, withFS(fsys), WithSegmentSize(8*shortStep))
	require.NoError(t, err)
	fsys.Take()
	big := []log.LogEntry{&walpb.Entry{Index: 2, Data: make([]byte, 10<<10)}}
	require.NoError(t, w.SaveEntry(big))
	require.Positive(t, zeroing(fsys.Take(faultfs.Write)))
	require.NoError(t, w.Close())
}
