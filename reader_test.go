package wal

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// reads is the reading half, which *WAL and *Reader share.
type reads interface {
	ReadAll() ([]byte, log.HardState, []log.LogEntry, error)
	Entry(uint64) (log.LogEntry, error)
	FirstIndex() uint64
	LastIndex() uint64
}

var _, _ reads = (*WAL)(nil), (*Reader)(nil)

// collect runs an iteration to its end.
func collect(v *view, lo, hi uint64) (ents []log.LogEntry, err error) {
	for ent, err := range v.Entries(lo, hi) {
		if err != nil {
			return ents, err
		}
		ents = append(ents, ent)
	}
	return ents, nil
}

func TestReader_EntriesAndEntryWithinAndOutsideTheLog(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveSnap(at(9))) // the log begins at 10
	require.NoError(t, w.SaveEntry(entries(10, 12)))
	fillSegments(t, w, 2)
	last := w.LastIndex()
	r, err := OpenForRead(nil, dir, nil)
	require.NoError(t, err)
	max := ^uint64(0)
	for name, v := range map[string]*view{"WAL": &w.view, "Reader": &r.view} {
		require.EqualValues(t, 10, v.FirstIndex(), name)
		require.Equal(t, last, v.LastIndex(), name)
		for _, tt := range []struct {
			lo, hi uint64
			err    error
		}{
			{10, last + 1, nil}, {10, 11, nil}, {last, last + 1, nil}, {11, last, nil}, {12, 40, nil},
			{10, 10, nil}, {0, 0, nil}, {max, max, nil},
			{9, 11, ErrCompacted}, {0, 1, ErrCompacted}, {0, max, ErrCompacted},
			{10, last + 2, ErrNotFound}, {last + 1, last + 2, ErrNotFound}, {10, max, ErrNotFound},
			{max - 1, max, ErrNotFound},
			{11, 10, ErrInvalidArgument}, {max, 0, ErrInvalidArgument},
		} {
			got, err := collect(v, tt.lo, tt.hi)
			require.ErrorIs(t, err, tt.err, "%s: %d to %d", name, tt.lo, tt.hi)
			if tt.err == nil && tt.lo < tt.hi {
				require.Equal(t, entries(tt.lo, tt.hi-1), got, "%s: %d to %d", name, tt.lo, tt.hi)
			} else {
				require.Empty(t, got)
			}
		}
		for i, want := range map[uint64]error{0: ErrCompacted, 9: ErrCompacted, 10: nil, last: nil,
			last + 1: ErrNotFound, max: ErrNotFound} {
			got, err := v.Entry(i)
			require.ErrorIs(t, err, want, "%s: entry %d", name, i)
			if want == nil {
				require.Equal(t, entries(i, i)[0], got)
			}
		}
	}
}

func TestReader_LogWithoutEntries(t *testing.T) {
	w, _ := newLog(t)
	_, err := w.Entry(0)
	require.ErrorIs(t, err, ErrCompacted)
	_, err = w.Entry(1)
	require.ErrorIs(t, err, ErrNotFound)
	_, err = collect(&w.view, 1, 1)
	require.NoError(t, err)
	require.NoError(t, w.SaveSnap(at(5)))
	require.EqualValues(t, 6, w.FirstIndex())
	require.EqualValues(t, 5, w.LastIndex())
	_, err = w.Entry(5)
	require.ErrorIs(t, err, ErrCompacted)
}

func TestReader_AnIterationCanBeLeftEarlyAndRepeated(t *testing.T) {
	fsys := faultfs.New()
	w, _ := newLog(t, withFS(fsys))
	fillSegments(t, w, 3)
	seq := w.Entries(1, w.LastIndex()+1)
	for _, stop := range []uint64{1, 7, 60, w.LastIndex()} {
		fsys.Take()
		next := uint64(1)
		for ent, err := range seq {
			require.NoError(t, err)
			require.Equal(t, next, ent.GetIndex())
			if next == stop {
				break
			}
			next++
		}
		require.Equal(t, stop, next)
		require.NotZero(t, fsys.Take(faultfs.Read))
	}
}

func TestReader_AnIterationShowsTheLogAsOfItsStart(t *testing.T) {
	w, _ := newLog(t)
	fillSegments(t, w, 1)
	last := w.LastIndex()
	next := uint64(1)
	for ent, err := range w.Entries(1, last+1) {
		require.NoError(t, err)
		require.Equal(t, entries(next, next)[0], ent)
		if next%10 == 0 && next <= 30 {
			fillSegments(t, w, 1)
		}
		next++
	}
	require.Equal(t, last+1, next)
}

// A cut takes the prepared space off the end of a segment while an iteration
// reads it, and the segment is longer than what a reader reads at once.
func TestReader_AnIterationOutlivesACutOfTheSegmentThatItReads(t *testing.T) {
	const size = 1 << 20
	w, _ := newLog(t, WithSegmentSize(size))
	var want []log.LogEntry
	for i := uint64(1); tailOf(w).off < size-4096; i++ {
		ent := &walpb.Entry{Term: 1, Index: i, Data: make([]byte, 2000)}
		want = append(want, ent)
		require.NoError(t, w.SaveEntry([]log.LogEntry{ent}))
	}
	var got []log.LogEntry
	for ent, err := range w.Entries(1, w.LastIndex()+1) {
		require.NoError(t, err)
		if len(got) == 1 {
			forceCut(t, w)
		}
		got = append(got, ent)
	}
	require.Equal(t, want, got)
}

// readBesidePurge reads all entries; only a Purge may end that early.
func readBesidePurge(t *testing.T, v *view) {
	want := v.FirstIndex()
	for ent, err := range v.Entries(want, v.LastIndex()+1) {
		if err != nil {
			assert.ErrorIs(t, err, ErrCompacted, "entry %d", want)
			return
		}
		assert.Equal(t, want, ent.GetIndex())
		want++
	}
}

func TestReader_ReadingBesideSavingCuttingAndPurging(t *testing.T) {
	w, dir := newLog(t, WithNoSync())
	done := make(chan struct{})
	var wg sync.WaitGroup
	loop := func(f func()) {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					f()
				}
			}
		})
	}
	loop(func() { readBesidePurge(t, &w.view) })
	loop(func() {
		_, _, ents, err := w.ReadAll()
		if err != nil {
			assert.ErrorIs(t, err, ErrCompacted)
		}
		for i, ent := range ents {
			assert.Equal(t, ents[0].GetIndex()+uint64(i), ent.GetIndex())
		}
	})
	loop(func() {
		r, err := OpenForRead(nil, dir, nil)
		if assert.NoError(t, err) {
			readBesidePurge(t, &r.view)
			assert.NoError(t, r.Close())
		}
	})
	for range 6 {
		fillSegments(t, w, 3)
		require.NoError(t, release(w, at(w.LastIndex()-20)))
		_, err := w.Purge()
		require.NoError(t, err)
	}
	close(done)
	wg.Wait()
}

// Whatever a writer does between two calls that OpenForRead makes on the file
// system, the log is as it was before or as it is after.
func TestReader_OpenForReadBesideAWriterAtEveryStep(t *testing.T) {
	for name, act := range map[string]func(t *testing.T, w *WAL){
		"saves":             func(t *testing.T, w *WAL) { saveOne(t, w) },
		"cuts":              func(t *testing.T, w *WAL) { forceCut(t, w) },
		"cuts and saves":    func(t *testing.T, w *WAL) { forceCut(t, w); saveOne(t, w) },
		"cuts twice":        func(t *testing.T, w *WAL) { forceCut(t, w); saveOne(t, w); forceCut(t, w) },
		"closes":            func(t *testing.T, w *WAL) { require.NoError(t, w.Close()) },
		"cuts and purges":   func(t *testing.T, w *WAL) { forceCut(t, w); saveOne(t, w); purgeAll(t, w) },
		"purges and closes": func(t *testing.T, w *WAL) { purgeAll(t, w); require.NoError(t, w.Close()) },
	} {
		t.Run(name, func(t *testing.T) {
			for n := 0; ; n++ {
				w, dir := newLog(t)
				saveOne(t, w)
				forceCut(t, w)
				saveOne(t, w)
				fsys := faultfs.New()
				calls := 0
				fsys.Fail(func(faultfs.Call) (int, error) {
					if calls++; calls == n+1 {
						act(t, w)
					}
					return 0, nil
				})
				r, err := OpenForRead(nil, dir, nil, withFS(fsys))
				require.NoError(t, err, "at call %d", n)
				require.GreaterOrEqual(t, r.LastIndex(), uint64(2))
				require.LessOrEqual(t, r.LastIndex(), w.LastIndex())
				_, err = Verify(nil, dir, withFS(fsys))
				require.NoError(t, err)
				require.NoError(t, w.Close())
				if calls <= n {
					t.Logf("%d calls", n)
					return
				}
			}
		})
	}
}

func saveOne(t *testing.T, w *WAL) {
	next := w.LastIndex() + 1
	require.NoError(t, w.SaveEntry(entries(next, next)))
}

func purgeAll(t *testing.T, w *WAL) {
	require.NoError(t, release(w, at(w.LastIndex())))
	_, err := w.Purge()
	require.NoError(t, err)
}

func TestReader_ShowsTheLogAsOfItsOpening(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1}, entries(1, 3)))
	r, err := OpenForRead(nil, dir, nil)
	require.NoError(t, err)
	late, err := OpenForRead(nil, dir, nil)
	require.NoError(t, err)
	before := files(t, dir)
	fillSegments(t, w, 2)
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 2}))
	metadata, st, ents, err := r.ReadAll()
	require.NoError(t, err)
	require.Equal(t, "metadata", string(metadata))
	require.Equal(t, &walpb.HardState{Term: 1}, st)
	require.Equal(t, entries(1, 3), ents)
	require.Equal(t, st, r.State())
	require.Zero(t, r.Snapshot().GetIndex())
	require.NotEqual(t, before, files(t, dir))

	require.NoError(t, release(w, at(w.LastIndex())))
	_, err = w.Purge()
	require.NoError(t, err)
	_, err = late.Entry(1)
	require.ErrorIs(t, err, ErrCompacted)
}

// What stands in the log is verified again when it is read, also long after the open.
func TestReader_DamageBehindTheBackOfAnOpenLogIsSeen(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 5)))
	path := segmentsOf(t, dir)[0]
	frames := framesOf(t, path)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	entry3 := frames[headerRecords+1+2] // header, snapshot, two entries
	require.Equal(t, log.EntryType, entry3.Type)
	for _, off := range []int64{entry3.off, entry3.off + 9, entry3.off + entry3.Size/2} {
		patch(t, path, off, []byte{data[off] ^ 4}, func() {
			_, err := w.Entry(3)
			require.ErrorIs(t, err, ErrCorrupt)
			var c *CorruptionError
			require.ErrorAs(t, err, &c)
			require.Equal(t, filepath.Base(path), c.Segment)
			require.Equal(t, entry3.off, c.Offset)
			require.EqualValues(t, 3, c.FirstIndex)
			_, _, _, err = w.ReadAll()
			require.ErrorIs(t, err, ErrCorrupt)
			got, err := collect(&w.view, 1, 6)
			require.ErrorIs(t, err, ErrCorrupt)
			require.Equal(t, entries(1, 2), got)
		})
	}
	_, err = w.Entry(3)
	require.NoError(t, err)
}
