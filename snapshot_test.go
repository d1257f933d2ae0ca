package wal

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// As a follower installs a snapshot that is ahead of its log.
func TestASnapshotAheadOfTheLogLetsItGoOnBehind(t *testing.T) {
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
func TestTheLargestIndexIsNoSnapshot(t *testing.T) {
	w, _ := newLog(t)
	require.ErrorIs(t, w.SaveSnap(at(math.MaxUint64)), ErrInvalidArgument)
	require.NoError(t, w.SaveSnap(at(math.MaxUint64-1)))
	require.ErrorIs(t, w.SaveSnap(at(math.MaxUint64)), ErrInvalidArgument)
}

func TestTheTermOfTheSnapshotIsCompared(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 5)))
	require.NoError(t, w.SaveSnap(&walpb.Snapshot{Index: 3, Term: 7}))
	require.NoError(t, w.SaveSnap(&walpb.Snapshot{Index: 4, Term: 7}))
	require.NoError(t, w.SaveSnap(&walpb.Snapshot{Index: 4, Term: 8})) // both are in the log now
	require.NoError(t, w.Close())
	for _, tt := range []struct {
		index, term uint64
		err         error
	}{{3, 7, nil}, {3, 6, ErrSnapshotMismatch}, {3, 0, ErrSnapshotMismatch}, {4, 7, nil}, {4, 8, nil}, {4, 9, ErrSnapshotMismatch}, {5, 7, ErrSnapshotNotFound}} {
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

func TestValidSnapshotsAreThoseUpToTheCommit(t *testing.T) {
	w, dir := newLog(t)
	indexes := func() (out []uint64) {
		t.Helper()
		snaps, err := ValidSnapshots(nil, dir)
		require.NoError(t, err)
		for _, s := range snaps {
			out = append(out, s.GetIndex())
		}
		return out
	}
	require.Equal(t, []uint64{0}, indexes())
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 4}, entries(1, 10)))
	for _, i := range []uint64{2, 4, 5, 9} {
		require.NoError(t, w.SaveSnap(at(i)))
	}
	require.Equal(t, []uint64{0, 2, 4}, indexes())
	fillSegments(t, w, 1)
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 1, Commit: 5}))
	require.Equal(t, []uint64{0, 2, 4, 5}, indexes())
	require.NoError(t, w.SaveSnap(at(w.LastIndex())))
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 1, Commit: w.LastIndex()}))
	require.NoError(t, w.Release(at(w.LastIndex())))
	_, err := w.Purge()
	require.NoError(t, err)
	require.Equal(t, []uint64{w.LastIndex()}, indexes())
}

func TestReleaseAndPurgeKeepWhatAnOpenAtTheSnapshotNeeds(t *testing.T) {
	fsys := newFaultFS()
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

	fsys.record()
	n, err = w.Purge()
	require.NoError(t, err)
	require.Equal(t, 6-kept, n)
	var want []op
	for _, path := range all[:n] {
		want = append(want, op{kind: opRemove, name: filepath.Base(path)}, op{kind: opSyncDir, name: dir})
	}
	require.Equal(t, want, fsys.record(opRemove, opSyncDir), "the oldest first, each durably before the next")
	require.Equal(t, all[n:], segmentsOf(t, dir))
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

// After an overwrite below the snapshot the segment names go down, and the
// snapshot's record stands in an earlier segment than its index says.
func TestReleaseKeepsTheRecordOfASnapshotThatWasOverwritten(t *testing.T) {
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

func TestSegmentsBeforeTheOpeningSnapshotCountAsReleased(t *testing.T) {
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

func TestTruncateBack(t *testing.T) {
	for name, setup := range map[string]func(t *testing.T, w *WAL) *WAL{
		"in one segment":  func(_ *testing.T, w *WAL) *WAL { return w },
		"across segments": func(t *testing.T, w *WAL) *WAL { fillSegments(t, w, 3); return w },
		"after reopening": func(t *testing.T, w *WAL) *WAL { fillSegments(t, w, 1); return reopen(t, w, nil) },
		"after a cut":     func(t *testing.T, w *WAL) *WAL { forceCut(t, w); return w },
	} {
		for _, to := range []uint64{7, 1, 0} {
			t.Run(name, func(t *testing.T) {
				w, _ := newLog(t)
				require.NoError(t, w.SaveEntry(entries(1, 10)))
				w = setup(t, w)
				before, last := tailOf(w), w.LastIndex()
				require.NoError(t, w.TruncateBack(last))
				require.NoError(t, w.TruncateBack(^uint64(0)))
				require.Equal(t, before, tailOf(w), "nothing to drop, nothing written")
				syncs := w.Stats().Syncs

				require.NoError(t, w.TruncateBack(to))
				require.Greater(t, w.Stats().Syncs, syncs, "durably")
				want := entries(1, to)
				check := func() {
					t.Helper()
					_, here := contentsOf(t, w)
					for _, got := range [][]log.LogEntry{here, readAll(t, w.dir.Path(), nil)} {
						require.Equal(t, append([]log.LogEntry{}, want...), append([]log.LogEntry{}, got...))
					}
					require.Equal(t, uint64(len(want)), w.LastIndex())
					require.EqualValues(t, 1, w.FirstIndex())
				}
				check()
				w = reopen(t, w, nil)
				check()
				require.ErrorIs(t, w.SaveEntry(entries(to+2, to+2)), ErrIndexGap)
				next := entry(9, to+1, "after the truncation")
				require.NoError(t, w.SaveEntry([]log.LogEntry{next}))
				want = append(want, next)
				check()
				w = reopen(t, w, nil)
				check()
			})
		}
	}
}

func TestTruncateBackInEtcdFormat(t *testing.T) {
	w, dir := newLog(t, WithEtcdFormat())
	require.NoError(t, w.SaveEntry(entries(1, 10)))
	require.ErrorIs(t, w.TruncateBack(5), errors.ErrUnsupported)
	require.EqualValues(t, 10, w.LastIndex())

	w = reopen(t, w, nil) // without the option
	require.NoError(t, w.SaveEntry(entries(11, 11)))
	require.Len(t, segmentsOf(t, dir), 1, "a plain tail is appended to")
	require.NoError(t, w.TruncateBack(5))
	paths := segmentsOf(t, dir)
	require.Len(t, paths, 2)
	require.False(t, framesOf(t, paths[0])[0].sealed)
	require.True(t, framesOf(t, paths[1])[0].sealed)
	require.NoError(t, w.SaveEntry(entries(6, 7)))
	w = reopen(t, w, nil)
	_, ents := contentsOf(t, w)
	require.Equal(t, entries(1, 7), ents)

	// Back in etcd format the sealed tail stays sealed, and the next segment is plain.
	w = reopen(t, w, nil, WithEtcdFormat())
	require.ErrorIs(t, w.TruncateBack(5), errors.ErrUnsupported)
	require.NoError(t, w.SaveEntry(entries(8, 8)))
	fillSegments(t, w, 1)
	paths = segmentsOf(t, dir)
	require.False(t, framesOf(t, paths[len(paths)-1])[0].sealed)
	last := w.LastIndex()
	require.NoError(t, w.Close())
	require.Equal(t, entries(1, last), readAll(t, dir, nil))
	_, err := os.Stat(paths[0])
	require.NoError(t, err)
}
