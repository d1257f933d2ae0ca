package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// newer is entry i as a later save has it.
func newer(i uint64) log.LogEntry { return entry(2, i, "newer") }

func TestReaders_PurgeLeavesWhatAnIterationNeeds(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 6)
	last := w.LastIndex()
	next := uint64(1)
	left := 7 // segments
	for ent, err := range w.Entries(1, last+1) {
		require.NoError(t, err)
		require.Equal(t, entries(next, next)[0], ent)
		if next == 1 {
			require.NoError(t, release(w, at(last)))
			require.Equal(t, last, w.LastIndex())
			require.Greater(t, w.FirstIndex(), uint64(1))
			_, err = w.Entry(1)
			require.ErrorIs(t, err, ErrCompacted, "released for whoever comes now")
		}
		if next%40 == 0 {
			_, err := w.Purge()
			require.NoError(t, err)
			now := len(segmentsOf(t, dir))
			require.LessOrEqual(t, now, left)
			left = now
		}
		next++
	}
	require.Equal(t, last+1, next)
	require.Less(t, left, 6, "what it has read already was removed meanwhile")
	_, err := w.Purge()
	require.NoError(t, err)
	require.Len(t, segmentsOf(t, dir), 1)
}

func TestReaders_AnIterationThatIsLeftEarlyNeedsNothing(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 3)
	for range w.Entries(1, w.LastIndex()+1) {
		break
	}
	require.Panics(t, func() {
		for range w.Entries(1, w.LastIndex()+1) {
			panic("the caller's")
		}
	})
	purgeAll(t, w)
	require.Len(t, segmentsOf(t, dir), 1)
	require.Empty(t, w.readers)
}

func TestReaders_AnIterationEndsWhereTheLogWasReplaced(t *testing.T) {
	overwrite := func(i uint64) func(*WAL) error {
		return func(w *WAL) error { return w.SaveEntry([]log.LogEntry{newer(i)}) }
	}
	truncate := func(i uint64) func(*WAL) error {
		return func(w *WAL) error { return w.TruncateBack(i) }
	}
	for _, tt := range []struct {
		name    string
		acts    []func(*WAL) error // when entry 10 of 100 was yielded
		yielded uint64
		index   uint64 // of the OverwrittenError; 0: none
	}{
		{"nothing", nil, 100, 0},
		{"an append", []func(*WAL) error{overwrite(101)}, 100, 0},
		{"an overwrite ahead", []func(*WAL) error{overwrite(50)}, 49, 50},
		{"an overwrite of the next", []func(*WAL) error{overwrite(11)}, 10, 11},
		{"an overwrite of the last yielded", []func(*WAL) error{overwrite(10)}, 10, 10},
		{"an overwrite far behind", []func(*WAL) error{overwrite(1)}, 10, 1},
		{"a truncation ahead", []func(*WAL) error{truncate(60)}, 60, 61},
		{"a truncation behind", []func(*WAL) error{truncate(4)}, 10, 5},
		{"a truncation of all", []func(*WAL) error{truncate(0)}, 10, 1},
		{"two, the lower one first", []func(*WAL) error{overwrite(30), overwrite(31)}, 29, 30},
		{"two, the lower one last", []func(*WAL) error{overwrite(70), overwrite(30)}, 29, 30},
		{"behind its end", []func(*WAL) error{overwrite(101), overwrite(102), overwrite(101)}, 100, 0},
		{"a snapshot that is ahead", []func(*WAL) error{func(w *WAL) error {
			return w.SaveSnap(at(200))
		}}, 100, 0},
		{"a save that replaces its own entries only", []func(*WAL) error{func(w *WAL) error {
			return w.SaveEntry([]log.LogEntry{newer(101), newer(102), newer(101)})
		}}, 100, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := newLog(t)
			require.NoError(t, w.SaveEntry(entries(1, 100)))
			next := uint64(1)
			var end error
			for ent, err := range w.Entries(1, 101) {
				if err != nil {
					end = err
					require.Nil(t, ent)
					continue
				}
				require.Equal(t, entries(next, next)[0], ent)
				if next == 10 {
					for _, act := range tt.acts {
						require.NoError(t, act(w))
					}
				}
				next++
			}
			require.Equal(t, tt.yielded, next-1)
			if tt.index == 0 {
				require.NoError(t, end)
				return
			}
			require.ErrorIs(t, end, ErrOverwritten)
			var over *OverwrittenError
			require.ErrorAs(t, end, &over)
			require.Equal(t, tt.index, over.Index)
		})
	}
}

func TestReaders_EntriesLimit(t *testing.T) {
	w, _ := newLog(t)
	var size []uint64 // of what entry i has encoded
	for _, ent := range entries(0, 500) {
		size = append(size, uint64(ent.Size()))
	}
	for w.LastIndex() < 500 {
		saveOne(t, w)
	}
	require.NotZero(t, w.Stats().Cuts)
	rnd := rand.New(rand.NewPCG(4, 1))
	for n := range 400 {
		lo := 1 + rnd.Uint64N(500)
		hi := lo + rnd.Uint64N(502-lo)
		limit := rnd.Uint64N(3000)
		switch n % 20 {
		case 0:
			limit = 0
		case 1:
			limit = ^uint64(0)
		case 2:
			hi = 501
		}
		want, left := lo, limit
		for ; want < hi && (want == lo || size[want] <= left); want++ {
			left -= min(left, size[want])
		}
		got, err := w.EntriesLimit(lo, hi, limit)
		require.NoError(t, err)
		if want == lo {
			require.Empty(t, got)
		} else {
			require.Equal(t, entries(lo, want-1), got, "%d to %d, %d bytes", lo, hi, limit)
		}
	}
	for _, tt := range []struct {
		lo, hi uint64
		err    error
	}{{0, 5, ErrCompacted}, {5, 502, ErrNotFound}, {6, 5, ErrInvalidArgument}} {
		got, err := w.EntriesLimit(tt.lo, tt.hi, 1000)
		require.ErrorIs(t, err, tt.err)
		require.Empty(t, got)
	}
}

// countedEntry counts how often entries are decoded.
type countedEntry struct {
	customEntry
}

var decodedEntries atomic.Int64

func (e *countedEntry) Unmarshal(data []byte) error {
	decodedEntries.Add(1)
	return e.customEntry.Unmarshal(data)
}

// A read of one entry is one read of the file, of little more than the space
// between two points, and decodes no other entry; of one that is in the last piece of a
// segment it may read more.
func TestReaders_EntryReadsAndDecodesLittle(t *testing.T) {
	for _, size := range []int{0, 100, 900, 3000, 70_000} {
		t.Run(fmt.Sprintf("%d bytes", size), func(t *testing.T) {
			reg := log.NewRegistry()
			reg.Register(log.EntryType, &countedEntry{})
			fsys := faultfs.New()
			w, _ := newLog(t, withFS(fsys), WithRegistry(reg), WithSegmentSize(256<<10), WithNoSync())
			value := make([]byte, size)
			for i := range value {
				value[i] = 'v'
			}
			var frame int64
			for i := uint64(1); w.Stats().Cuts < 3; i++ {
				begin := tailOf(w).off
				require.NoError(t, w.SaveEntry(
					[]log.LogEntry{&countedEntry{customEntry: customEntry{i, string(value)}}}))
				frame = max(frame, tailOf(w).off-begin)
			}
			last := w.LastIndex()
			rnd := rand.New(rand.NewPCG(1, uint64(size)))
			for n := range 300 {
				i := 1 + rnd.Uint64N(last)
				if n == 0 {
					i = last
				}
				fsys.Take()
				before := decodedEntries.Load()
				got, err := w.Entry(i)
				require.NoError(t, err)
				require.Equal(t, customEntry{i, string(value)}, got.(*countedEntry).customEntry)
				require.EqualValues(t, 1, decodedEntries.Load()-before)
				reads := fsys.Take(faultfs.Read)
				require.Len(t, reads, 1)
				w.mu.RLock()
				end := w.index.at(i).end
				w.mu.RUnlock()
				if end != 0 || i == last {
					require.Less(t, int64(reads[0].N), pointSpacing+frame)
				}
			}
		})
	}
}

func TestReaders_SeeErrorsOfTheFile(t *testing.T) {
	fsys := faultfs.New()
	w, _ := newLog(t, withFS(fsys))
	fillSegments(t, w, 2)
	bad := errors.New("input/output error")
	fsys.Fail(func(o faultfs.Call) (int, error) {
		if o.Kind == faultfs.Read {
			return 0, bad
		}
		return 0, nil
	})
	_, err := w.Entry(5)
	require.ErrorIs(t, err, bad)
	_, err = collect(&w.view, 1, 10)
	require.ErrorIs(t, err, bad)
	_, err = w.EntriesLimit(1, 10, 1000)
	require.ErrorIs(t, err, bad)
	fsys.Fail(nil)
	got, err := collect(&w.view, 1, 10)
	require.NoError(t, err, "a failed read is not the end of the log")
	require.Equal(t, entries(1, 9), got)
}

// gate is an entry whose decoding calls a function of the test first.
type gate struct{ walpb.Entry }

var atGate atomic.Pointer[func()]

func (g *gate) Unmarshal(data []byte) error {
	if f := atGate.Load(); f != nil {
		(*f)()
	}
	return g.Entry.Unmarshal(data)
}

// UnmarshalShared is not to be promoted.
func (g *gate) UnmarshalShared(data []byte) error { return g.Unmarshal(data) }

func TestReaders_ReadAllKeepsItsSegmentsFromBeingPurged(t *testing.T) {
	reading, purged := make(chan struct{}), make(chan struct{})
	var once sync.Once
	wait := func() { once.Do(func() { close(reading); <-purged }) }
	reg := log.NewRegistry()
	reg.Register(log.EntryType, (*gate)(nil))
	w, _ := newLog(t, WithRegistry(reg))
	fillSegments(t, w, 5)
	last := w.LastIndex()
	require.NoError(t, w.SaveSnap(at(last)))
	atGate.Store(&wait)
	defer atGate.Store(nil)
	type result struct {
		ents []log.LogEntry
		err  error
	}
	done := make(chan result)
	go func() {
		_, _, ents, err := w.ReadAll()
		done <- result{ents, err}
	}()
	<-reading
	require.NoError(t, release(w, at(last)))
	removed, err := w.Purge()
	require.NoError(t, err)
	require.Zero(t, removed, "the reading still needs them")
	close(purged)
	r := <-done
	require.NoError(t, r.err)
	require.Len(t, r.ents, int(last))
	removed, err = w.Purge()
	require.NoError(t, err)
	require.Positive(t, removed)
}
