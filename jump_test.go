package wal

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// validIndexes are the indexes that ValidSnapshots lists.
func validIndexes(t *testing.T, dir string, opts ...Option) (out []uint64) {
	t.Helper()
	snaps, err := ValidSnapshots(nil, dir, opts...)
	require.NoError(t, err)
	for _, s := range snaps {
		out = append(out, s.GetIndex())
	}
	return out
}

// receivedLog has entries 1 to 10, commit 10, a snapshot at 5, and one at 100 that was received.
func receivedLog(t *testing.T, opts ...Option) (*WAL, string) {
	w, dir := newLog(t, opts...)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 10}, entries(1, 10)))
	require.NoError(t, w.SaveSnap(at(5)))
	require.NoError(t, w.SaveSnap(at(100)))
	require.EqualValues(t, 100, w.LastIndex())
	require.EqualValues(t, 101, w.FirstIndex())
	return w, dir
}

// receivedOnDisk is such a log on a simulated disk, and the options that it is opened with.
func receivedOnDisk(t *testing.T) (disk *crashfs.Disk, w *WAL, opts []Option) {
	t.Helper()
	disk = crashfs.New(crashfs.Image{})
	opts = []Option{withFS(disk), WithSegmentSize(512)}
	w, err := Create(nil, crashDir, []byte("metadata"), opts...)
	require.NoError(t, err)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 10}, entries(1, 10)))
	require.NoError(t, w.SaveSnap(at(5)))
	require.NoError(t, w.SaveSnap(at(100)))
	return disk, w, opts
}

// A crash between the snapshot that was received and the state that commits it.
func TestJump_TheOlderSnapshotStillOpens(t *testing.T) {
	for name, opts := range map[string][]Option{"ours": nil, "etcd's": {WithEtcdFormat()}} {
		t.Run(name, func(t *testing.T) {
			w, dir := receivedLog(t, opts...)
			require.Equal(t, []uint64{0, 5}, validIndexes(t, dir))
			for range 2 { // reading takes nothing back
				require.Equal(t, entries(6, 10), readAll(t, dir, at(5)))
				require.Equal(t, entries(1, 10), readAll(t, dir, &walpb.Snapshot{}))
				require.Empty(t, readAll(t, dir, at(100)))
				require.Empty(t, readAll(t, dir, nil))
			}
			for range 2 {
				w = reopen(t, w, at(5), opts...)
				require.EqualValues(t, 10, w.LastIndex())
				require.EqualValues(t, 1, w.FirstIndex())
				_, ents := contentsOf(t, w)
				require.Equal(t, entries(6, 10), ents)
				forceCut(t, w) // its name tells where the log goes on
			}
			require.ErrorIs(t, w.SaveEntry(entries(101, 101)), ErrIndexGap)
			require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 11}, entries(11, 12)))
			for _, snap := range []log.Snapshot{at(5), nil} {
				w = reopen(t, w, snap, opts...)
				require.EqualValues(t, 12, w.LastIndex())
				require.EqualValues(t, 1, w.FirstIndex(), "all that was acknowledged can be read")
			}
			require.Equal(t, []uint64{0, 5}, validIndexes(t, dir))
		})
	}
}

// In a segment of etcd's there is no place for the truncation.
func TestJump_TakenBackInASegmentOfEtcds(t *testing.T) {
	w, dir := receivedLog(t, WithEtcdFormat())
	w = reopen(t, w, at(5))
	require.EqualValues(t, 10, w.LastIndex())
	require.Len(t, segmentsOf(t, dir), 2)
	for _, snap := range []log.Snapshot{nil, at(5), &walpb.Snapshot{}} {
		w = reopen(t, w, snap)
		require.EqualValues(t, 10, w.LastIndex())
		forceCut(t, w)
	}
}

func TestJump_Settled(t *testing.T) {
	for name, settle := range map[string]func(w *WAL) error{
		"by an entry behind it": func(w *WAL) error { return w.SaveEntry(entries(101, 101)) },
		"by the state": func(w *WAL) error {
			return w.SaveState(&walpb.HardState{Term: 1, Commit: 100})
		},
		"by an entry in the gap": func(w *WAL) error {
			return w.SaveEntry(entries(50, 101))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := receivedLog(t)
			require.NoError(t, settle(w))
			require.NoError(t, w.Close())
			for _, older := range []log.Snapshot{&walpb.Snapshot{}, at(5)} {
				_, err := Open(nil, dir, older, WithSegmentSize(testSegment))
				require.ErrorIs(t, err, ErrIndexGap)
			}
			w = openLog(t, dir, at(100))
			require.Equal(t, w.LastIndex(), w.appended.last)
			require.GreaterOrEqual(t, w.LastIndex(), uint64(100))
		})
	}
}

// Without any state nothing says what is committed, so the snapshot counts.
func TestJump_SettledWithoutAnyState(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 10)))
	require.NoError(t, w.SaveSnap(at(5)))
	require.Equal(t, []uint64{0, 5}, validIndexes(t, dir), "all that was saved counts as committed")
	require.NoError(t, w.SaveSnap(at(100)))
	require.NoError(t, w.Close())
	_, err := Open(nil, dir, at(5))
	require.ErrorIs(t, err, ErrIndexGap)
	require.EqualValues(t, 100, openLog(t, dir, at(100)).LastIndex())
}

func TestJump_EntriesThatGoOnBeforeItTakeItBack(t *testing.T) {
	for name, tt := range map[string]struct {
		save func(w *WAL) error
		last uint64
	}{
		"the next one":      {func(w *WAL) error { return w.SaveEntry(entries(11, 12)) }, 12},
		"an earlier one":    {func(w *WAL) error { return w.SaveEntry(entries(4, 4)) }, 4},
		"a truncation":      {func(w *WAL) error { return w.TruncateBack(7) }, 7},
		"one to the border": {func(w *WAL) error { return w.TruncateBack(10) }, 10},
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := receivedLog(t)
			require.NoError(t, tt.save(w))
			check := func() {
				t.Helper()
				require.Equal(t, tt.last, w.LastIndex())
				_, ents := contentsOf(t, w)
				require.Equal(t, entries(1, tt.last), ents)
			}
			check()
			forceCut(t, w)
			w = reopen(t, w, nil)
			check()
			require.NoError(t, w.Close())
			_, err := Verify(nil, dir)
			require.NoError(t, err)
		})
	}
}

// A truncation into the gap leaves it pending: the log goes on in the gap, or from before it.
func TestJump_TruncatedIntoTheGap(t *testing.T) {
	w, dir := receivedLog(t)
	require.NoError(t, w.TruncateBack(50))
	require.EqualValues(t, 50, w.LastIndex())
	require.EqualValues(t, 51, w.FirstIndex())
	require.Equal(t, entries(6, 10), readAll(t, dir, at(5)))
	w = reopen(t, w, nil)
	require.EqualValues(t, 50, w.LastIndex())
	require.NoError(t, w.SaveEntry(entries(51, 52)))
	w = reopen(t, w, nil)
	_, ents := contentsOf(t, w)
	require.Equal(t, entries(51, 52), ents)
}

// Two snapshots were received, and the first of them is committed.
func TestJump_Twice(t *testing.T) {
	w, dir := receivedLog(t)
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 1, Commit: 100}))
	require.NoError(t, w.SaveSnap(at(200)))
	require.NoError(t, w.Close())
	_, err := Open(nil, dir, at(5), WithSegmentSize(testSegment))
	require.ErrorIs(t, err, ErrIndexGap)
	w = openLog(t, dir, at(100))
	require.EqualValues(t, 100, w.LastIndex())
	require.EqualValues(t, 101, w.FirstIndex())
	require.NoError(t, w.SaveEntry(entries(101, 103)))
	for _, snap := range []log.Snapshot{at(100), nil} {
		w = reopen(t, w, snap)
		require.EqualValues(t, 103, w.LastIndex())
		require.EqualValues(t, 101, w.FirstIndex())
	}
}

// A power cut while the open takes the jump back leaves either.
func TestJump_PowerCutWhileItIsTakenBack(t *testing.T) {
	disk, w, opts := receivedOnDisk(t)
	require.NoError(t, w.Close())
	rec := disk.Record()
	w, err := Open(nil, crashDir, at(5), opts...)
	require.NoError(t, err)
	opened := rec.Len()
	require.NoError(t, w.SaveEntry(entries(11, 11)))
	m := rec.Media()
	for more := true; more; more = m.Advance() {
		m.Each(func(im crashfs.Image) bool {
			r, err := Open(nil, crashDir, at(5), withFS(crashfs.New(im.Clone())), WithSegmentSize(512))
			require.NoError(t, err, "after %d changes", m.At())
			_, _, ents, err := r.ReadAll()
			require.NoError(t, err)
			require.GreaterOrEqual(t, len(ents), 5)
			require.Equal(t, entries(6, 5+uint64(len(ents))), ents)
			r, err = Open(nil, crashDir, nil, withFS(crashfs.New(im.Clone())), WithSegmentSize(512))
			require.NoError(t, err)
			if m.At() >= opened {
				require.LessOrEqual(t, r.LastIndex(), uint64(11), "what Open has decided is durable")
			}
			return true
		})
	}
}

// Any call that fails while the open takes the jump back fails the open, and leaves a log that
// opens.
func TestJump_AFaultWhileItIsTakenBack(t *testing.T) {
	for n := 1; ; n++ {
		disk, w, opts := receivedOnDisk(t)
		require.NoError(t, w.Close())
		calls := 0
		disk.Inject(func(faultfs.Call) *crashfs.Fault {
			if calls++; calls != n {
				return nil
			}
			return &crashfs.Fault{Err: errInjected}
		})
		w, err := Open(nil, crashDir, at(5), opts...)
		disk.Inject(nil)
		if err == nil {
			require.NoError(t, w.Close())
		}
		require.Zero(t, disk.Opened(), "files are left open by call %d", n)
		w, err = Open(nil, crashDir, at(5), opts...)
		require.NoError(t, err)
		require.EqualValues(t, 10, w.LastIndex())
		require.NoError(t, w.Close())
		if calls < n {
			require.Greater(t, n, 5)
			return
		}
	}
}

// Behind a snapshot that was recorded late, in a gap, no entry could ever be saved.
func TestJump_NothingStartsInAGap(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 10)))
	for _, i := range []uint64{100, 200, 150, 50} {
		require.NoError(t, w.SaveSnap(at(i)))
	}
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 1, Commit: 170}))
	require.NoError(t, w.Close())
	require.Equal(t, []uint64{100}, validIndexes(t, dir))
	for _, i := range []uint64{50, 150} {
		_, err := Open(nil, dir, at(i))
		require.ErrorIs(t, err, ErrIndexGap)
		_, err = OpenForRead(nil, dir, at(i))
		require.ErrorIs(t, err, ErrIndexGap)
	}
	w = openLog(t, dir, at(100))
	require.EqualValues(t, 100, w.LastIndex())
	require.NoError(t, w.SaveEntry(entries(101, 101)))
}
