package wal

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

func TestRelease_OfASnapshotThatWasNeverSaved(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 3)
	saved := w.LastIndex() - 1
	require.NoError(t, w.SaveSnap(at(saved)))
	all := segmentsOf(t, dir)
	for _, i := range []uint64{1, saved - 1, saved + 1, w.LastIndex(), w.LastIndex() + 1,
		math.MaxUint64 - 1, math.MaxUint64} {
		err := w.Release(at(i))
		require.ErrorIs(t, err, ErrSnapshotNotFound, "index %d", i)
		require.NotErrorIs(t, err, ErrSnapshotMismatch)
	}
	require.ErrorIs(t, w.Release(&walpb.Snapshot{Index: saved, Term: 7}), ErrSnapshotNotFound)
	require.ErrorIs(t, w.Release(&walpb.Snapshot{Index: saved, Term: 7}), ErrSnapshotMismatch)
	require.Equal(t, 4, w.Stats().Segments, "nothing was let go")
	removed, err := w.Purge()
	require.NoError(t, err)
	require.Zero(t, removed)
	require.Equal(t, all, segmentsOf(t, dir))

	w = reopen(t, w, nil)
	require.ErrorIs(t, w.Release(at(saved+1)), ErrSnapshotNotFound, "also of a log that was opened")
	require.NoError(t, w.Release(at(saved)))
	require.Less(t, w.Stats().Segments, 4)
	require.NoError(t, w.Release(at(saved)), "once more")
	require.NoError(t, w.Release(at(3)), "an older one gives nothing back")
	require.ErrorIs(t, w.Release(at(saved+1)), ErrSnapshotNotFound)
}

// What is before the snapshot that a log was opened at counts as released already.
func TestRelease_OfASnapshotBeforeTheOneOfTheOpen(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveSnap(at(0)))
	fillSegments(t, w, 3)
	newest := w.LastIndex() - 1
	require.NoError(t, w.SaveSnap(at(newest)))
	all := segmentsOf(t, dir)
	w = reopen(t, w, at(newest))
	require.NoError(t, w.Release(at(1)))
	require.ErrorIs(t, w.Release(at(newest+1)), ErrSnapshotNotFound)
	require.NoError(t, w.Release(at(newest)))
	require.Equal(t, all, segmentsOf(t, dir))
}

func TestRelease_ComparesTheTermIfThereIsOne(t *testing.T) {
	w, _ := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 9)))
	require.NoError(t, w.SaveSnap(&walpb.Snapshot{Index: 4, Term: 7}))
	require.NoError(t, w.SaveSnap(&walpb.Snapshot{Index: 4, Term: 8}))
	require.ErrorIs(t, w.Release(&walpb.Snapshot{Index: 4, Term: 9}), ErrSnapshotMismatch)
	require.NoError(t, w.Release(&walpb.Snapshot{Index: 4, Term: 7}))
	require.NoError(t, w.Release(&walpb.Snapshot{Index: 4, Term: 8}))
}

func TestRelease_EntriesComeBackUntilTheyArePurged(t *testing.T) {
	w, _ := newLog(t)
	fillSegments(t, w, 3)
	last := w.LastIndex()
	require.NoError(t, release(w, at(last)))
	require.Greater(t, w.FirstIndex(), uint64(1))
	w = reopen(t, w, nil)
	require.EqualValues(t, 1, w.FirstIndex())
	_, ents := contentsOf(t, w)
	require.Equal(t, entries(1, last), ents)
	require.NoError(t, w.Release(at(last)))
	_, err := w.Purge()
	require.NoError(t, err)
	w = reopen(t, w, nil)
	require.Greater(t, w.FirstIndex(), uint64(1))
}

// Each round would otherwise have to look through the marks of all before it.
func TestRelease_ForgetsTheSnapshotsBelow(t *testing.T) {
	w, _ := newLog(t, WithNoSync())
	for i := uint64(1); i <= 1000; i++ {
		require.NoError(t, w.SaveEntry(entries(i, i)))
		require.NoError(t, w.SaveSnap(at(i)))
		require.NoError(t, w.SaveSnap(at(i)), "the same one twice counts once")
		require.NoError(t, w.Release(at(i)))
		require.LessOrEqual(t, len(w.marks.byID), 1)
	}
}

func TestRelease_AndPurgeKeepWhatAnOpenAtTheSnapshotNeeds(t *testing.T) {
	fsys := faultfs.New()
	w, dir := newLog(t, withFS(fsys))
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 1}))
	var firsts []uint64 // of each segment
	for range 5 {
		firsts = append(firsts, w.LastIndex()+1)
		fillSegments(t, w, 1)
	}
	all := segmentsOf(t, dir)
	require.Len(t, all, 6)
	last := w.LastIndex()
	snap := firsts[3] + 2 // the save that caused a cut stands in the segment after
	require.NoError(t, w.SaveSnap(at(snap)))
	require.EqualValues(t, 1, w.FirstIndex())

	n, err := w.Purge()
	require.NoError(t, err)
	require.Zero(t, n, "nothing was released")
	require.NoError(t, w.Release(at(0)))
	require.Equal(t, 6, w.Stats().Segments)

	require.NoError(t, w.Release(at(snap)))
	require.Equal(t, all, segmentsOf(t, dir), "Release deletes nothing")
	kept := w.Stats().Segments
	first := w.FirstIndex()
	require.Equal(t, 3, kept)
	require.LessOrEqual(t, first, snap)
	require.Greater(t, first, firsts[2])
	_, err = w.Entry(first - 1)
	require.ErrorIs(t, err, ErrCompacted)
	require.NoError(t, w.Release(at(2)), "an older one gives nothing back")
	require.Equal(t, first, w.FirstIndex())

	requirePurge(t, w, fsys, all[:6-kept])
	require.Equal(t, all[6-kept:], segmentsOf(t, dir))
	n, err = w.Purge()
	require.NoError(t, err)
	require.Zero(t, n)

	require.Equal(t, entries(first, last), readAll(t, dir, nil))
	_, err = OpenForRead(nil, dir, &walpb.Snapshot{})
	require.ErrorIs(t, err, ErrSnapshotNotFound, "the very beginning is gone")
	w = reopen(t, w, at(snap))
	_, ents := contentsOf(t, w)
	require.Equal(t, entries(snap+1, last), ents)
	require.Equal(t, &walpb.HardState{Term: 1}, w.State())
	require.Equal(t, at(snap), w.Snapshot())
}

// requirePurge makes sure that a Purge deletes these files, the oldest first, each durably before
// the next.
func requirePurge(t *testing.T, w *WAL, fsys *faultfs.FS, paths []string) {
	t.Helper()
	fsys.Take()
	n, err := w.Purge()
	require.NoError(t, err)
	require.Len(t, paths, n)
	var want []faultfs.Call
	for _, path := range paths {
		want = append(want,
			faultfs.Call{Kind: faultfs.Remove, Name: filepath.Base(path)},
			faultfs.Call{Kind: faultfs.SyncDir, Name: filepath.Dir(path)})
	}
	require.Equal(t, want, fsys.Take(faultfs.Remove, faultfs.SyncDir))
}

// After an overwrite below the snapshot the segment names go down, and the
// snapshot's record stands in an earlier segment than its index says.
func TestRelease_KeepsTheRecordOfASnapshotThatWasOverwritten(t *testing.T) {
	w, _ := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 10)))
	forceCut(t, w)
	require.NoError(t, w.SaveSnap(at(8)))
	require.NoError(t, w.SaveEntry([]log.LogEntry{entry(2, 4, "new")}))
	forceCut(t, w) // its name has index 5
	require.NoError(t, w.SaveEntry(entries(5, 6)))
	require.NoError(t, w.Release(at(8)))
	n, err := w.Purge()
	require.NoError(t, err)
	require.Equal(t, 1, n)
	w = reopen(t, w, at(8))
	require.EqualValues(t, 6, w.LastIndex())
	_, ents := contentsOf(t, w)
	require.Empty(t, ents)
}

func TestRelease_SegmentsBeforeTheOpeningSnapshotCountAsReleased(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 3)
	snap := at(w.LastIndex())
	require.NoError(t, w.SaveSnap(snap))
	w = reopen(t, w, snap)
	require.Equal(t, 1, w.Stats().Segments)
	require.Len(t, segmentsOf(t, dir), 4)
	n, err := w.Purge()
	require.NoError(t, err)
	require.Equal(t, 3, n)
	w = reopen(t, w, nil)
	require.Equal(t, at(w.LastIndex()), w.Snapshot())
}
