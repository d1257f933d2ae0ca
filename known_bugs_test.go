package wal

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// Each test here and in the other files named known_bugs is for a bug that a log of this kind has
// had, and fails with it.

// The bug: a log opened at a snapshot left out entries at or below it, so it
// also left out that such an entry, written later, had replaced all behind it, and
// the replaced ones came back (etcd issue 22442).
func TestKnownBug_OverwriteBelowTheSnapshotBringsEntriesBack(t *testing.T) {
	for _, over := range []uint64{1, 4, 5} {
		for _, cuts := range []string{"", "before", "after", "before and after"} {
			t.Run(fmt.Sprintf("entry %d, cut %s", over, cuts), func(t *testing.T) {
				w, _ := newLog(t)
				require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 5}, entries(1, 10)))
				require.NoError(t, w.SaveSnap(at(5)))
				w = reopen(t, w, at(5))
				if cuts == "before" || cuts == "before and after" {
					forceCut(t, w)
				}
				require.NoError(t, w.SaveEntry([]log.LogEntry{entry(2, over, "new")}))
				requireReplaced(t, w, over)
				if cuts == "after" || cuts == "before and after" {
					forceCut(t, w)
				}
				w = reopen(t, w, at(5))
				requireReplaced(t, w, over)
				var added []log.LogEntry
				for i := over + 1; i <= 8; i++ {
					added = append(added, entry(2, i, "new"))
				}
				require.NoError(t, w.SaveEntry(added))
				want := []log.LogEntry{entry(2, 6, "new"), entry(2, 7, "new"), entry(2, 8, "new")}
				_, ents := contentsOf(t, w)
				require.Equal(t, want, ents)
				_, ents = contentsOf(t, reopen(t, w, at(5)))
				require.Equal(t, want, ents)
			})
		}
	}
}

// requireReplaced makes sure that the entry over is the last one of a log opened at 5.
func requireReplaced(t *testing.T, w *WAL, over uint64) {
	t.Helper()
	_, ents := contentsOf(t, w)
	require.Empty(t, ents)
	require.Equal(t, over, w.LastIndex())
	got, err := w.Entry(over)
	require.NoError(t, err)
	require.Equal(t, entry(2, over, "new"), got)
	_, err = w.Entry(over + 1)
	require.ErrorIs(t, err, ErrNotFound)
	want := append(entries(1, over-1), entry(2, over, "new"))
	require.Equal(t, want, readAll(t, w.dir.Path(), nil))
}

// The bug: an open for writing at a snapshot that was never saved succeeded,
// and the state machine went on from a state that it did not have (etcd issue 21369).
func TestKnownBug_OpenAtSnapshotNeverSaved(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 10)))
	require.NoError(t, w.SaveSnap(at(5)))
	fillSegments(t, w, 2)
	last := w.LastIndex()
	require.NoError(t, w.Close())
	before := files(t, dir)
	for _, never := range []uint64{1, 4, 6, 10, last, last + 1, 1 << 40, ^uint64(0)} {
		_, err := Open(nil, dir, at(never))
		require.ErrorIs(t, err, ErrSnapshotNotFound, "index %d", never)
		_, err = OpenForRead(nil, dir, at(never))
		require.ErrorIs(t, err, ErrSnapshotNotFound, "index %d", never)
	}
	require.Equal(t, before, files(t, dir))
	openLog(t, dir, at(5))
}

// The bugs: a log could be saved to only after it had been read to its end, a
// log opened for reading had a Save that panicked, and its Close failed.
func TestKnownBug_FreshOrReadOnlyLogPanics(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1}, entries(1, 1)))
	w = reopen(t, w, nil)
	require.NoError(t, w.SaveEntry(entries(2, 2)), "without any read before")
	require.NoError(t, w.Sync())

	r, err := OpenForRead(nil, dir, nil)
	require.NoError(t, err)
	_, saves := any(r).(interface {
		Save(log.HardState, []log.LogEntry) error
	})
	require.False(t, saves)
	_, stores := any(r).(Storage)
	require.False(t, stores)
	require.NoError(t, r.Close())
	require.NoError(t, r.Close())

	// Not even one that nothing has been read of or saved in.
	w = reopen(t, w, nil)
	require.NoError(t, w.Close())
	require.Equal(t, entries(1, 2), readAll(t, dir, nil))
}

// The bug: a gap in the indexes was written, acknowledged, and refused when
// the log was read.
func TestKnownBug_IndexGapIsAcceptedAtSave(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	gap := func(indexes ...uint64) (ents []log.LogEntry) {
		for _, i := range indexes {
			ents = append(ents, entry(1, i, "gap"))
		}
		return ents
	}
	before, tail := files(t, dir), tailOf(w)
	for _, ents := range [][]log.LogEntry{gap(5), gap(4, 6), gap(2, 4), gap(4, 5, 7), gap(1 << 63),
		gap(^uint64(0))} {
		require.ErrorIs(t, w.SaveEntry(ents), ErrIndexGap)
		require.ErrorIs(t, w.Save(&walpb.HardState{Term: 9}, ents), ErrIndexGap)
	}
	require.ErrorIs(t, w.SaveEntry(gap(0)), ErrInvalidArgument)
	require.ErrorIs(t, w.SaveEntry(gap(4, 0)), ErrInvalidArgument)
	require.Equal(t, before, files(t, dir), "nothing was written")
	require.Equal(t, tail, tailOf(w))
	require.EqualValues(t, 3, w.LastIndex())

	require.NoError(t, w.SaveEntry(entries(4, 5)), "the log goes on")
	w = reopen(t, w, nil)
	st, ents := contentsOf(t, w)
	require.Equal(t, entries(1, 5), ents)
	require.Equal(t, &walpb.HardState{}, st)
}

// The bug: Sync read the tail file without the lock that a save changes it
// under. The race detector sees it.
func TestKnownBug_SyncBesideSaveRaces(t *testing.T) {
	w, dir := newLog(t, WithNoSync())
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					if err := w.Sync(); err != nil {
						t.Error(err)
						return
					}
					_ = w.Stats()
				}
			}
		})
	}
	fillSegments(t, w, 3)
	close(done)
	wg.Wait()
	last := w.LastIndex()
	require.NoError(t, w.Close())
	require.Equal(t, entries(1, last), readAll(t, dir, nil))
}
