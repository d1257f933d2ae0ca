package wal

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/walpb"
)

func TestReleaseOfASnapshotThatWasNeverSaved(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 3)
	saved := w.LastIndex() - 1
	require.NoError(t, w.SaveSnap(at(saved)))
	all := segmentsOf(t, dir)
	for _, i := range []uint64{1, saved - 1, saved + 1, w.LastIndex(), w.LastIndex() + 1, math.MaxUint64 - 1, math.MaxUint64} {
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
func TestReleaseOfASnapshotBeforeTheOneOfTheOpen(t *testing.T) {
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

func TestReleaseComparesTheTermIfThereIsOne(t *testing.T) {
	w, _ := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 9)))
	require.NoError(t, w.SaveSnap(&walpb.Snapshot{Index: 4, Term: 7}))
	require.NoError(t, w.SaveSnap(&walpb.Snapshot{Index: 4, Term: 8}))
	require.ErrorIs(t, w.Release(&walpb.Snapshot{Index: 4, Term: 9}), ErrSnapshotMismatch)
	require.NoError(t, w.Release(&walpb.Snapshot{Index: 4, Term: 7}))
	require.NoError(t, w.Release(&walpb.Snapshot{Index: 4, Term: 8}))
}

func TestReleasedEntriesComeBackUntilTheyArePurged(t *testing.T) {
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
func TestReleaseForgetsTheSnapshotsBelow(t *testing.T) {
	w, _ := newLog(t, WithNoSync())
	for i := uint64(1); i <= 1000; i++ {
		require.NoError(t, w.SaveEntry(entries(i, i)))
		require.NoError(t, w.SaveSnap(at(i)))
		require.NoError(t, w.SaveSnap(at(i)), "the same one twice counts once")
		require.NoError(t, w.Release(at(i)))
		require.LessOrEqual(t, len(w.marks), 1)
	}
}
