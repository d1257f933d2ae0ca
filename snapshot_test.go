package wal

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// As a follower installs a snapshot that is ahead of its log.
func TestSnapshot_AheadOfTheLogLetsItGoOnBehind(t *testing.T) {
	for _, cut := range []bool{false, true} {
		w, dir := newLog(t)
		require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 20}, entries(1, 5)))
		require.NoError(t, w.SaveSnap(at(3)))
		require.NoError(t, w.SaveSnap(at(20)))
		require.EqualValues(t, 20, w.LastIndex())
		require.EqualValues(t, 21, w.FirstIndex())
		_, err := w.Entry(5)
		require.ErrorIs(t, err, ErrCompacted)
		_, err = w.Entry(21)
		require.ErrorIs(t, err, ErrNotFound)
		require.ErrorIs(t, w.SaveEntry(entries(22, 22)), ErrIndexGap)
		if cut {
			forceCut(t, w)
		}
		require.NoError(t, w.SaveEntry(entries(21, 25)))
		for _, snap := range []log.Snapshot{at(20), nil} {
			w = reopen(t, w, snap)
			_, ents := contentsOf(t, w)
			require.Equal(t, entries(21, 25), ents)
			require.EqualValues(t, 21, w.FirstIndex())
			require.Equal(t, at(20), w.Snapshot())
		}
		require.NoError(t, w.Close())
		for _, older := range []log.Snapshot{at(3), &walpb.Snapshot{}} {
			_, err = Open(nil, dir, older)
			require.ErrorIs(t, err, ErrIndexGap)
			_, err = OpenForRead(nil, dir, older)
			require.ErrorIs(t, err, ErrIndexGap)
		}
		openLog(t, dir, at(20))
	}
}

// It can never be saved, so no gap is to be filled first.
func TestSnapshot_TheLargestIndexIsRefused(t *testing.T) {
	w, _ := newLog(t)
	require.ErrorIs(t, w.SaveSnap(at(math.MaxUint64)), ErrInvalidArgument)
	require.NoError(t, w.SaveSnap(at(math.MaxUint64-1)))
	require.ErrorIs(t, w.SaveSnap(at(math.MaxUint64)), ErrInvalidArgument)
}

func TestSnapshot_ItsTermIsCompared(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 5)))
	require.NoError(t, w.SaveSnap(&walpb.Snapshot{Index: 3, Term: 7}))
	require.NoError(t, w.SaveSnap(&walpb.Snapshot{Index: 4, Term: 7}))
	require.NoError(t, w.SaveSnap(&walpb.Snapshot{Index: 4, Term: 8})) // both are in the log now
	require.NoError(t, w.Close())
	for _, tt := range []struct {
		index, term uint64
		err         error
	}{{3, 7, nil}, {3, 6, ErrSnapshotMismatch}, {3, 0, ErrSnapshotMismatch}, {4, 7, nil},
		{4, 8, nil}, {4, 9, ErrSnapshotMismatch}, {5, 7, ErrSnapshotNotFound}} {
		snap := &walpb.Snapshot{Index: tt.index, Term: tt.term}
		r, err := OpenForRead(nil, dir, snap)
		require.ErrorIs(t, err, tt.err, "%+v", snap)
		if tt.err == nil {
			require.NoError(t, r.Close())
		}
		w, err := Open(nil, dir, snap, WithSegmentSize(testSegment))
		require.ErrorIs(t, err, tt.err, "%+v", snap)
		if tt.err == nil {
			require.NoError(t, w.Close())
		}
	}
}
