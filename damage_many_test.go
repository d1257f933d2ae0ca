package wal

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// everyOtherDamaged makes a log of n small entries in one segment, the last one, flips a bit in
// every other entry, and returns the log's directory and the segment's size.
func everyOtherDamaged(t *testing.T, n int) (dir string, size int64) {
	w, dir := newLog(t, WithNoSync(), WithPreallocation(PreallocateNone))
	ents := make([]log.LogEntry, n)
	for i := range ents {
		ents[i] = entry(1, uint64(i+1), string(noise(300)))
	}
	require.NoError(t, w.SaveEntry(ents))
	require.NoError(t, w.Close())
	path := segmentsOf(t, dir)[0]
	frames := framesOf(t, path)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	for i, fr := range frames {
		if fr.Type == log.EntryType && i%2 == 0 {
			flipAt(t, f, payloadOf(fr)+100)
		}
	}
	info, err := f.Stat()
	require.NoError(t, err)
	return dir, info.Size()
}

// However many places of the last segment are damaged, a tolerant walk reads the segment a few
// times. It does not read again at each place.
func TestDamage_ManyPlacesAreReadAFewTimes(t *testing.T) {
	for _, n := range []int{100, 1000} {
		dir, size := everyOtherDamaged(t, n)
		found := 0
		c := costOf(t, dir, func(dir string, opts ...Option) error {
			for _, err := range Records(dir, append(opts, WithTolerant())...) {
				if err != nil {
					require.ErrorIs(t, err, ErrCorrupt)
					found++
				}
			}
			return nil
		})
		require.Equal(t, n/2, found)
		require.Less(t, c.reads.bytes, 10*size, "%d damaged places", found)
		require.Less(t, c.reads.calls, int64(40), "%d damaged places", found)
	}
}

// However many segments are damaged, or missing, the log is listed and read a few times. It is not
// listed, or read to its end, anew for each of them.
func TestDamage_ManySegmentsAreReadAFewTimes(t *testing.T) {
	for _, n := range []int{20, 200} {
		fsys := newMemFS(nil)
		w, err := Create(nil, memDir, nil, withFS(fsys), WithSegmentSize(512), WithNoSync(),
			WithPreallocation(PreallocateNone))
		require.NoError(t, err)
		fillSegments(t, w, n)
		last := w.LastIndex()
		require.NoError(t, w.SaveState(&walpb.HardState{Term: 1, Commit: last}))
		require.NoError(t, w.SaveSnap(at(last)))
		require.NoError(t, w.Close())
		im := fsys.image()
		damaged, missing := im.clone(), im.clone()
		names := im.names()
		for i := 0; i+2 < len(names); i += 2 {
			damaged[names[i]][200] ^= 4
			delete(missing, names[i])
		}
		for what, harmed := range map[string]image{"damaged": damaged, "missing": missing} {
			calls := faultfs.On(newMemFS(harmed))
			require.Equal(t, []uint64{last}, validIndexes(t, memDir, withFS(calls)))
			lists, opens := 0, 0
			for _, c := range calls.Take(faultfs.List, faultfs.OpenRead) {
				if c.Kind == faultfs.List {
					lists++
				} else {
					opens++
				}
			}
			require.LessOrEqual(t, lists, 2*besideReads, "%s: every other of %d segments", what, n)
			require.LessOrEqual(t, opens, 3*n+20, "%s: every other of %d segments", what, n)
		}
	}
}
