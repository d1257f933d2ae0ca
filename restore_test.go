package wal

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// news are entries of another term.
func news(first, last uint64) (ents []log.LogEntry) {
	for i := first; i <= last; i++ {
		ents = append(ents, entry(2, i, "new"))
	}
	return ents
}

func TestRestore_ReplacesTheLog(t *testing.T) {
	for name, tt := range map[string]struct{ to, more uint64 }{
		"above the last entry":        {100, 3},
		"above, nothing behind it":    {100, 0},
		"at the last entry":           {10, 2},
		"in the middle":               {5, 2},
		"in the middle, nothing more": {5, 0},
		"to the beginning":            {0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := newLog(t)
			require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 3}, entries(1, 10)))
			syncs := w.Stats().Syncs
			st := &walpb.HardState{Term: 2, Commit: tt.to}
			require.NoError(t, w.Restore(at(tt.to), st, news(tt.to+1, tt.to+tt.more)))
			require.Equal(t, syncs+1, w.Stats().Syncs, "one save, one sync")
			check := func() {
				t.Helper()
				require.Equal(t, tt.to+1, w.FirstIndex())
				require.Equal(t, tt.to+tt.more, w.LastIndex())
				got, ents := contentsOf(t, w)
				require.Equal(t, st, got)
				require.Equal(t, append([]log.LogEntry{}, news(tt.to+1, tt.to+tt.more)...),
					append([]log.LogEntry{}, ents...))
				require.Equal(t, at(tt.to), w.Snapshot())
				_, err := w.Entry(tt.to)
				require.ErrorIs(t, err, ErrCompacted)
			}
			check()
			for _, snap := range []log.Snapshot{nil, at(tt.to)} {
				w = reopen(t, w, snap)
				check()
				forceCut(t, w)
			}
			next := w.LastIndex() + 1
			require.ErrorIs(t, w.SaveEntry(news(next+1, next+1)), ErrIndexGap)
			require.NoError(t, w.SaveEntry(news(next, next)))
			require.NoError(t, w.Release(at(tt.to)))
			_, err := w.Purge()
			require.NoError(t, err)
			require.NoError(t, w.Close())
			require.Equal(t, news(tt.to+1, next), readAll(t, dir, nil))
			require.Equal(t, news(tt.to+1, next), readAll(t, dir, at(tt.to)))
			_, err = Verify(nil, dir)
			require.NoError(t, err)
		})
	}
}

func TestRestore_OlderSnapshotsAreGone(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 10}, entries(1, 10)))
	for _, i := range []uint64{3, 8, 10} {
		require.NoError(t, w.SaveSnap(at(i)))
	}
	require.NoError(t, w.Restore(&walpb.Snapshot{Index: 7, Term: 2}, nil, news(8, 9)))
	require.ErrorIs(t, w.Release(at(8)), ErrSnapshotNotFound)
	require.Equal(t, []uint64{7}, validIndexes(t, dir))
	require.NoError(t, w.Close())
	for _, i := range []uint64{3, 8, 10} {
		_, err := Open(nil, dir, at(i))
		require.ErrorIs(t, err, ErrSnapshotNotFound, "%d", i)
	}
	_, err := Open(nil, dir, at(7))
	require.ErrorIs(t, err, ErrSnapshotMismatch)
	require.Equal(t, news(8, 9), readAll(t, dir, &walpb.Snapshot{Index: 7, Term: 2}))
}

// What is received is committed elsewhere; the state here may not say so yet.
func TestRestore_CountsAsCommitted(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 10}, entries(1, 10)))
	require.NoError(t, w.Restore(at(100), nil, nil))
	require.Equal(t, &walpb.HardState{Term: 1, Commit: 10}, w.State(),
		"without a new one the state stays")
	require.Equal(t, []uint64{100}, validIndexes(t, dir))
	w = reopen(t, w, at(100))
	require.EqualValues(t, 100, w.LastIndex())
}

func TestRestore_RefusesWhatDoesNotFollow(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 10}, entries(1, 10)))
	before := files(t, dir)
	for name, tt := range map[string]struct {
		snap log.Snapshot
		st   log.HardState
		ents []log.LogEntry
		err  error
	}{
		"a gap":                   {at(5), nil, news(7, 8), ErrIndexGap},
		"an entry that it covers": {at(5), nil, news(5, 6), ErrInvalidArgument},
		"one that it covers, later": {at(5), nil, append(news(6, 7), entry(2, 4, "")),
			ErrInvalidArgument},
		"no snapshot":       {nil, nil, news(1, 2), ErrInvalidArgument},
		"a nil snapshot":    {(*walpb.Snapshot)(nil), nil, nil, ErrInvalidArgument},
		"a nil state":       {at(5), (*walpb.HardState)(nil), nil, ErrInvalidArgument},
		"a nil entry":       {at(5), nil, []log.LogEntry{nil}, ErrInvalidArgument},
		"the largest index": {at(math.MaxUint64), nil, nil, ErrInvalidArgument},
		"an entry behind the largest": {at(math.MaxUint64 - 1), nil,
			news(math.MaxUint64-1, math.MaxUint64-1), ErrInvalidArgument},
		"a snapshot that panics": {&oddSnapshot{}, nil, nil, ErrInvalidArgument},
	} {
		require.ErrorIs(t, w.Restore(tt.snap, tt.st, tt.ents), tt.err, name)
	}
	require.Equal(t, before, files(t, dir))
	require.EqualValues(t, 10, w.LastIndex())
	require.NoError(t, w.Restore(at(math.MaxUint64-2), nil, news(math.MaxUint64-1, math.MaxUint64-1)))
	w = reopen(t, w, nil)
	require.EqualValues(t, uint64(math.MaxUint64-1), w.LastIndex())
}

// The restored part stands in the middle of the segments, whose names go down behind it.
func TestRestore_AcrossSegments(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 4)
	to := w.LastIndex() / 2
	require.NoError(t, w.Restore(at(to), &walpb.HardState{Term: 2, Commit: to}, news(to+1, to+3)))
	fillSegments(t, w, 2)
	last := w.LastIndex()
	for _, snap := range []log.Snapshot{at(to), nil} {
		w = reopen(t, w, snap)
		require.Equal(t, to+1, w.FirstIndex())
		require.Equal(t, last, w.LastIndex())
	}
	require.NoError(t, w.Release(at(to)))
	require.Equal(t, 3, w.Stats().Segments, "what was before is let go, whatever the names say")
	removed, err := w.Purge()
	require.NoError(t, err)
	require.Equal(t, 4, removed)
	for _, snap := range []log.Snapshot{at(to), nil} {
		w = reopen(t, w, snap)
		require.Equal(t, to+1, w.FirstIndex())
		require.Equal(t, last, w.LastIndex())
	}
	require.Equal(t, []uint64{to}, validIndexes(t, dir))
}

func TestRestore_InTwoHalves(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 10)))
	p, err := w.AppendRestore(at(4), nil, news(5, 6))
	require.NoError(t, err)
	q, err := w.Append(nil, news(7, 7))
	require.NoError(t, err)
	require.NoError(t, q.Wait())
	require.NoError(t, p.Err())
	require.Equal(t, news(5, 7), readAll(t, dir, nil))
	_, err = w.AppendRestore(nil, nil, nil)
	require.ErrorIs(t, err, ErrInvalidArgument)
}

func TestRestore_LargerThanASegment(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 1)
	big := []log.LogEntry{entry(2, 8, string(make([]byte, 3*testSegment))), entry(2, 9, "small")}
	require.NoError(t, w.Restore(at(7), nil, big))
	require.NoError(t, w.Close())
	require.Equal(t, big, readAll(t, dir, nil))
}

func TestRestore_AndCompactInEtcdFormat(t *testing.T) {
	w, dir := newLog(t, WithEtcdFormat())
	require.NoError(t, w.SaveEntry(entries(1, 10)))
	before := files(t, dir)
	require.ErrorIs(t, w.Restore(at(5), nil, nil), errors.ErrUnsupported)
	require.ErrorIs(t, w.Compact(5), errors.ErrUnsupported)
	require.Equal(t, before, files(t, dir))
	w = reopen(t, w, nil) // without the option the next segment is ours
	require.NoError(t, w.Compact(4))
	require.EqualValues(t, 5, w.FirstIndex())
	w = reopen(t, w, nil)
	require.EqualValues(t, 5, w.FirstIndex())
	require.NoError(t, w.Close())

	w, dir = newLog(t, WithEtcdFormat())
	require.NoError(t, w.SaveEntry(entries(1, 10)))
	w = reopen(t, w, nil)
	require.NoError(t, w.Restore(at(5), nil, news(6, 7)))
	require.Len(t, segmentsOf(t, dir), 2)
	w = reopen(t, w, nil)
	_, ents := contentsOf(t, w)
	require.Equal(t, news(6, 7), ents)
}

func TestRestore_TellsThoseWhoRead(t *testing.T) {
	for _, to := range []uint64{5, 10, 100} {
		w, _ := newLog(t)
		require.NoError(t, w.SaveEntry(entries(1, 10)))
		seen := 0
		for _, err := range w.Entries(1, 11) {
			if seen++; seen == 3 {
				require.NoError(t, err)
				require.NoError(t, w.Restore(at(to), nil, news(to+1, to+1)))
			}
			if seen > 3 {
				require.ErrorIs(t, err, ErrOverwritten)
			}
		}
		require.Equal(t, 4, seen)
	}
	// Lower than a follower has come: it is told where to go on.
	w, _ := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 10)))
	f := follow(t.Context(), w, 1)
	for i := uint64(1); i <= 10; i++ {
		require.Equal(t, i, f.next(t).GetIndex())
	}
	require.NoError(t, w.Compact(10))
	require.NoError(t, w.Restore(at(4), nil, news(5, 5)))
	var over *OverwrittenError
	require.ErrorAs(t, f.err(t), &over)
	require.EqualValues(t, 5, over.Index)
}
