package wal

import (
	"iter"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

func TestCompact_DropsExactlyAndForEver(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 3)
	last := w.LastIndex()
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 7}))
	for _, to := range []uint64{3, 17, last / 2, last - 1, last} {
		require.NoError(t, w.Compact(to))
		for range 2 {
			require.Equal(t, to+1, w.FirstIndex())
			require.Equal(t, last, w.LastIndex())
			_, err := w.Entry(to)
			require.ErrorIs(t, err, ErrCompacted)
			st, ents := contentsOf(t, w)
			require.Equal(t, &walpb.HardState{Term: 7}, st)
			require.Equal(t, append([]log.LogEntry{}, entries(to+1, last)...),
				append([]log.LogEntry{}, ents...))
			require.Equal(t, append([]log.LogEntry{}, ents...),
				append([]log.LogEntry{}, readAll(t, dir, nil)...))
			w = reopen(t, w, nil)
		}
		before := tailOf(w)
		require.NoError(t, w.Compact(to), "nothing to drop")
		require.NoError(t, w.Compact(0))
		require.Equal(t, before, tailOf(w), "nothing is written")
	}
	require.Len(t, segmentsOf(t, dir), 1, "all the others held nothing else")
	require.NoError(t, w.SaveEntry(entries(last+1, last+2)))
	fillSegments(t, w, 1)
	w = reopen(t, w, nil)
	require.Equal(t, last+1, w.FirstIndex(), "also behind the segment with the record")
	report, err := Verify(nil, dir)
	require.NoError(t, err)
	require.Equal(t, last+1, report.FirstIndex)
}

func TestCompact_NeverDropsWhatIsNotThere(t *testing.T) {
	w, _ := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 5)))
	for _, to := range []uint64{6, 1000, math.MaxUint64} {
		require.ErrorIs(t, w.Compact(to), ErrNotFound)
	}
	require.EqualValues(t, 1, w.FirstIndex())
	require.NoError(t, w.Compact(5))
	require.NoError(t, w.SaveEntry(entries(6, 6)))
}

// A queue: it puts at one end and compacts at the other, and never saves a snapshot or a state.
func TestCompact_FreesTheSpaceOfAQueue(t *testing.T) {
	w, dir := newLog(t, WithNoSync())
	for i := uint64(1); i <= 1000; i++ {
		require.NoError(t, w.SaveEntry(entries(i, i)))
		if i%10 == 0 {
			require.NoError(t, w.Compact(i-5))
			require.LessOrEqual(t, len(segmentsOf(t, dir)), 2)
		}
	}
	w = reopen(t, w, nil)
	_, ents := contentsOf(t, w)
	require.Equal(t, entries(996, 1000), ents)
}

func TestCompact_KeepsTheSnapshotsThatOpen(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 1)
	low := w.LastIndex()
	require.NoError(t, w.SaveSnap(at(3)))
	require.NoError(t, w.SaveSnap(at(low)))
	forceCut(t, w)
	fillSegments(t, w, 1)
	last := w.LastIndex()
	require.NoError(t, w.Compact(low))
	require.Len(t, segmentsOf(t, dir), 3,
		"the segment with the record of the snapshot stays, without an entry")
	for _, snap := range []log.Snapshot{at(low), nil} {
		w = reopen(t, w, snap)
		require.Equal(t, low+1, w.FirstIndex())
		_, ents := contentsOf(t, w)
		require.Equal(t, entries(low+1, last), ents)
		require.Equal(t, at(low), w.Snapshot())
	}
	before := segmentsOf(t, dir)
	require.NoError(t, w.Compact(low+1))
	require.Equal(t, before[1], segmentsOf(t, dir)[0])
	require.NoError(t, w.Close())
	for _, i := range []uint64{3, low} {
		_, err := Open(nil, dir, at(i))
		require.ErrorIs(t, err, ErrSnapshotNotFound)
	}
}

func TestCompact_WhatIsSavedOverItCounts(t *testing.T) {
	for name, opening := range map[string]func(t *testing.T, w *WAL) *WAL{
		"at once":         func(_ *testing.T, w *WAL) *WAL { return w },
		"opened again":    func(t *testing.T, w *WAL) *WAL { return reopen(t, w, nil) },
		"another segment": func(t *testing.T, w *WAL) *WAL { forceCut(t, w); return w },
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := newLog(t)
			require.NoError(t, w.SaveEntry(entries(1, 10)))
			require.NoError(t, w.Compact(8))
			w = opening(t, w)
			require.NoError(t, w.SaveEntry(news(5, 6)))
			for range 2 {
				_, ents := contentsOf(t, w)
				require.Equal(t, news(5, 6), ents)
				require.EqualValues(t, 5, w.FirstIndex())
				w = reopen(t, w, nil)
			}
			require.NoError(t, w.Compact(5))
			require.NoError(t, w.TruncateBack(2))
			for range 2 {
				require.EqualValues(t, 2, w.LastIndex())
				require.EqualValues(t, 3, w.FirstIndex())
				w = reopen(t, w, nil)
			}
		})
	}
}

// An iteration that began before goes on, in segments that are deleted with the next call.
func TestCompact_LeavesIterationsTheirSegments(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 3)
	last, next := w.LastIndex(), uint64(1)
	for ent, err := range w.Entries(1, last+1) {
		require.NoError(t, err)
		require.Equal(t, entries(next, next)[0], ent)
		if next++; next == 3 {
			require.NoError(t, w.Compact(last))
			require.Len(t, segmentsOf(t, dir), 4)
		}
	}
	require.Equal(t, last+1, next)
	require.NoError(t, w.Compact(last))
	require.Len(t, segmentsOf(t, dir), 1)
}

// What is released comes back with an open before it is purged; what is compacted does not, also
// where a reading keeps the segments.
func TestCompact_BelowWhatIsReleasedIsForEver(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 4)
	snap := at(w.LastIndex() - 1)
	require.NoError(t, w.SaveSnap(snap))
	next, stop := iter.Pull2(w.Entries(1, w.LastIndex()+1))
	defer stop()
	_, _, ok := next()
	require.True(t, ok)
	require.NoError(t, w.Release(snap))
	require.Greater(t, w.FirstIndex(), uint64(4))
	require.NoError(t, w.Compact(3))
	w.Abandon()
	w = openLog(t, dir, snap)
	r, err := OpenForRead(nil, dir, nil)
	require.NoError(t, err)
	require.EqualValues(t, 4, r.FirstIndex())
	require.NoError(t, r.Close())
	before := tailOf(w)
	require.NoError(t, w.Compact(3))
	require.Equal(t, before, tailOf(w), "that is dropped already")
}

// While a jump is pending, what it hides is dropped like all else, and for ever; the entries that
// are left still go on before it.
func TestCompact_WhileAJumpIsPending(t *testing.T) {
	for to, want := range map[uint64]struct {
		listed []uint64
		first  uint64 // where the jump is taken back
	}{3: {[]uint64{5}, 4}, 5: {[]uint64{5}, 6}, 8: {nil, 9}, 10: {nil, 11}, 50: {nil,
		11}, 100: {[]uint64{100}, 11}} {
		for _, beside := range []bool{false, true} {
			w, dir := receivedLog(t)
			forceCut(t, w)
			if beside { // other saves are on their way
				_, err := w.Append(&walpb.HardState{Term: 1, Commit: 10}, nil)
				require.NoError(t, err)
			}
			require.NoError(t, w.Compact(to))
			require.EqualValues(t, 101, w.FirstIndex())
			require.Equal(t, want.listed, validIndexes(t, dir))
			before := tailOf(w)
			require.NoError(t, w.Compact(to))
			if !beside { // the goroutine that wrote what was on its way may not have noticed yet
				require.Equal(t, before, tailOf(w), "nothing is written")
			}
			w = reopen(t, w, nil)
			require.EqualValues(t, 100, w.LastIndex())
			if to <= 5 {
				require.Equal(t, entries(6, 10), readAll(t, dir, at(5)))
			} else {
				_, err := OpenForRead(nil, dir, at(5))
				require.ErrorIs(t, err, ErrSnapshotNotFound)
			}
			require.NoError(t, w.SaveEntry(entries(11, 12)))
			for range 2 {
				_, ents := contentsOf(t, w)
				require.Equal(t, entries(want.first, 12), ents, "compacted to %d", to)
				w = reopen(t, w, nil)
			}
		}
	}
}

// Two jumps, of which the compaction makes the first one final: the second can be taken back.
func TestCompact_BetweenTwoJumps(t *testing.T) {
	for _, to := range []uint64{100, 150} {
		w, dir := receivedLog(t)
		require.NoError(t, w.SaveSnap(at(200)))
		require.NoError(t, w.SaveSnap(at(to)))
		require.NoError(t, w.Compact(to))
		require.Equal(t, []uint64{to}, validIndexes(t, dir))
		w = reopen(t, w, at(to))
		require.Equal(t, to, w.LastIndex())
		require.NoError(t, w.SaveEntry(entries(to+1, to+1)))
		w = reopen(t, w, nil)
		require.Equal(t, to+1, w.FirstIndex())
		require.Equal(t, to+1, w.LastIndex())
	}
}

// A power cut around the compaction over a received snapshot leaves the older snapshot with its
// entries, or the received one.
func TestCompact_PowerCutOverAJump(t *testing.T) {
	disk, w, _ := receivedOnDisk(t)
	rec := disk.Record()
	require.NoError(t, w.Compact(100))
	compacted := rec.Len()
	m := rec.Media()
	seen := map[uint64]int{}
	for more := true; more; more = m.Advance() {
		m.Each(func(im crashfs.Image) bool {
			disk := withFS(crashfs.New(im.Clone()))
			listed := validIndexes(t, crashDir, disk)
			require.NotEmpty(t, listed)
			newest := listed[len(listed)-1]
			if m.At() >= compacted {
				require.EqualValues(t, 100, newest)
			}
			ents := readAll(t, crashDir, at(newest), disk)
			if newest == 5 {
				require.Equal(t, entries(6, 10), ents)
			} else {
				require.Equal(t, []uint64{100}, listed)
				require.Empty(t, ents)
			}
			seen[newest]++
			return true
		})
	}
	require.NotZero(t, seen[5])
	require.NotZero(t, seen[100])
}

// A snapshot that was dropped stays so when entries are saved before it.
func TestCompact_SnapshotsBeforeItAreGoneForEver(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 10)))
	require.NoError(t, w.SaveSnap(at(2)))
	require.NoError(t, w.Compact(8))
	require.NoError(t, w.SaveEntry(news(1, 3)))
	require.ErrorIs(t, w.Release(at(2)), ErrSnapshotNotFound)
	require.Empty(t, validIndexes(t, dir))
	_, err := OpenForRead(nil, dir, at(2))
	require.ErrorIs(t, err, ErrSnapshotNotFound)
	require.NoError(t, w.SaveSnap(at(2)), "one that is recorded later is another one")
	require.Equal(t, []uint64{2}, validIndexes(t, dir))
	require.Equal(t, news(3, 3), readAll(t, dir, at(2)))
}

// The entries are gone already, and a snapshot was recorded late.
func TestCompact_DoesTheSameWhateverIsOnItsWay(t *testing.T) {
	for _, beside := range []bool{false, true} {
		w, dir := newLog(t)
		require.NoError(t, w.SaveEntry(entries(1, 10)))
		require.NoError(t, w.Compact(9))
		require.NoError(t, w.SaveSnap(at(10)))
		require.NoError(t, w.SaveSnap(at(6)))
		require.NoError(t, w.Release(at(10))) // after which the other one cannot be released
		if beside {
			_, err := w.Append(nil, entries(11, 11))
			require.NoError(t, err)
		}
		require.NoError(t, w.Compact(7))
		for range 2 {
			require.Zero(t, w.Snapshot().GetIndex())
			require.EqualValues(t, 10, w.FirstIndex())
			w = reopen(t, w, nil)
		}
		require.Equal(t, []uint64{10}, validIndexes(t, dir))
		require.NoError(t, w.SaveSnap(at(6)))
		require.NoError(t, w.SaveSnap(at(10)))
		require.NoError(t, w.Compact(7))
		require.NoError(t, w.SaveEntry(news(6, 7)))
		_, err := OpenForRead(nil, dir, at(6))
		require.ErrorIs(t, err, ErrSnapshotNotFound)
	}
}

// A state may be saved later than the snapshot that was compacted up to, and a crash come before
// it.
func TestCompact_TheSnapshotAtTheIndexCountsAsCommitted(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 3}, entries(1, 10)))
	require.NoError(t, w.SaveSnap(at(8)))
	require.NoError(t, w.SaveSnap(at(9)))
	require.Equal(t, []uint64{0}, validIndexes(t, dir))
	require.NoError(t, w.Compact(8))
	require.Equal(t, []uint64{8}, validIndexes(t, dir))
}
