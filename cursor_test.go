package wal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// readCost is what a reading asks of the disk and of memory.
type readCost struct {
	reads, bytes int
	allocs       float64
}

func readCostOf(t *testing.T, fsys *faultfs.FS, read func()) (c readCost) {
	t.Helper()
	read() // opens the files
	fsys.Take()
	read()
	for _, o := range fsys.Take(faultfs.Read) {
		c.reads++
		c.bytes += o.N
	}
	// The fewest: others allocate beside it, and with the race detector a sync.Pool forgets at random.
	c.allocs = testing.AllocsPerRun(1, read)
	for range 50 {
		c.allocs = min(c.allocs, testing.AllocsPerRun(1, read))
	}
	return c
}

// What a reading costs follows what it reads, not how far its end is, nor how often entries were
// replaced.
func TestLookUp_CostFollowsWhatIsRead(t *testing.T) {
	const last, lo, size, limit = 8000, 100, 512, 4096
	for name, times := range map[string]int{"entries": 1, "entries saved twice": 2} {
		ahead := 2 * times * times // groups that may be looked up and read in vain
		fsys := faultfs.New()
		w, _ := newLog(t, withFS(fsys), WithSegmentSize(1<<20), WithNoSync())
		for i := uint64(1); i <= last; i++ {
			for range times {
				require.NoError(t, w.SaveEntry([]log.LogEntry{&walpb.Entry{Term: 1, Index: i,
					Data: make([]byte, size)}}))
			}
		}
		limited := func(hi uint64) readCost {
			return readCostOf(t, fsys, func() {
				ents, err := w.EntriesLimit(lo, hi, limit)
				require.NoError(t, err)
				require.NotEmpty(t, ents)
			})
		}
		near, far := limited(lo+8), limited(last+1)
		t.Logf("%s: EntriesLimit to the eighth entry: %+v, to the end: %+v", name, near, far)
		require.Equal(t, near.reads, far.reads, name)
		require.LessOrEqual(t, far.bytes, near.bytes+ahead*2*pointSpacing, name)
		require.LessOrEqual(t, far.allocs, near.allocs*1.2+float64(ahead), name)

		first := func(hi uint64) readCost {
			return readCostOf(t, fsys, func() {
				for _, err := range w.Entries(lo, hi) {
					require.NoError(t, err)
					break
				}
			})
		}
		near, far = first(lo+1), first(last+1)
		t.Logf("%s: the first of Entries, of one: %+v, of all: %+v", name, near, far)
		require.Equal(t, 1, far.reads, name)
		require.LessOrEqual(t, far.bytes, near.bytes+firstGroups*2*pointSpacing, name)
		require.LessOrEqual(t, far.allocs, near.allocs*1.2+firstGroups, name)

		for i := uint64(2); i < last; i += last / 50 {
			one := entryCost(t, fsys, w, i)
			require.Equal(t, 1, one.reads, name)
			require.LessOrEqual(t, one.bytes, 2*pointSpacing, name)
		}

		// One that goes on reads much at a time.
		all := streamCost(t, fsys, w)
		require.Less(t, all.reads, 2*times*last*size/readSize+40, name)
		require.Less(t, all.bytes, 3*times*last*size, name)
	}
}

// entryCost returns what it costs to read one entry.
func entryCost(t *testing.T, fsys *faultfs.FS, w *WAL, index uint64) readCost {
	return readCostOf(t, fsys, func() {
		_, err := w.Entry(index)
		require.NoError(t, err)
	})
}

// streamCost returns what it costs to read all entries once.
func streamCost(t *testing.T, fsys *faultfs.FS, w *WAL) (c readCost) {
	fsys.Take()
	next := w.FirstIndex()
	for ent, err := range w.Entries(next, w.LastIndex()+1) {
		require.NoError(t, err)
		require.Equal(t, next, ent.GetIndex())
		next++
	}
	require.Equal(t, w.LastIndex()+1, next)
	for _, o := range fsys.Take(faultfs.Read) {
		c.reads++
		c.bytes += o.N
	}
	return c
}

// A follower keeps all segments that it has to read, also those that came since it was last woken.
func TestFollow_KeepsTheSegmentsThatCameSinceItWasWoken(t *testing.T) {
	w, _ := newLog(t, WithNoSync())
	require.NoError(t, w.SaveEntry(entries(1, 10)))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	next, stop := iter.Pull2(w.Follow(ctx, 1))
	defer stop()
	read := func(i uint64) {
		ent, err, ok := next()
		require.True(t, ok)
		require.NoError(t, err, "entry %d", i)
		require.Equal(t, i, ent.GetIndex())
	}
	for i := uint64(1); i <= 10; i++ {
		read(i)
	}
	last := uint64(10)
	for range 3 { // the follower sleeps meanwhile, in the loop's body
		fillSegments(t, w, 3)
		last = w.LastIndex()
		require.NoError(t, w.SaveSnap(at(last)))
		require.NoError(t, w.Release(at(last)))
		n, err := w.Purge()
		require.NoError(t, err)
		require.Zero(t, n, "all are needed")
	}
	for i := uint64(11); i <= last; i++ {
		read(i)
	}
	n, err := w.Purge()
	require.NoError(t, err)
	require.Positive(t, n, "now they are not")
	require.NoError(t, w.SaveEntry(entries(last+1, last+1)))
	read(last + 1)
}

// One that waits needs what comes, too, from the moment on at which it comes.
func TestFollow_OneThatWaitsNeedsTheSegmentsThatCome(t *testing.T) {
	w, _ := newLog(t, WithNoSync())
	require.NoError(t, w.SaveEntry(entries(1, 10)))
	c := w.cursor()
	changed, err := w.extend(c, 11)
	require.NoError(t, err)
	require.NotNil(t, changed, "it has to wait")
	fillSegments(t, w, 3)
	last := w.LastIndex()
	require.NoError(t, w.SaveSnap(at(last)))
	require.NoError(t, w.Release(at(last)))
	n, err := w.Purge()
	require.NoError(t, err)
	require.Zero(t, n)
	for i := uint64(11); i <= last; i++ {
		got, _, err := c.next()
		require.NoError(t, err)
		require.Equal(t, i, got)
	}
	_, _, err = c.next()
	require.Equal(t, io.EOF, err)
	w.end(c)
	n, err = w.Purge()
	require.NoError(t, err)
	require.Positive(t, n)
}

// reading is an iteration under way, and what it is to yield.
type reading struct {
	next func() (log.LogEntry, error, bool)
	stop func()
	want []log.LogEntry // of an iteration: what there was when it began
	at   uint64         // the entry that comes next
	cut  uint64         // the lowest entry replaced since it began; 0: none
	got  []log.LogEntry // of a follower: what it has, from index 1 on
}

// readingLife is a log, what it holds, and readings at every stage.
type readingLife struct {
	t         *testing.T
	ctx       context.Context
	rnd       *rand.Rand
	w         *WAL
	first     uint64 // below it entries were let go of
	model     []log.LogEntry
	readings  []*reading
	followers []*reading
	version   int
}

func (l *readingLife) last() uint64 { return uint64(len(l.model)) }

// save saves n entries from index i on.
func (l *readingLife) save(i uint64, n int) {
	var ents []log.LogEntry
	for k := range uint64(n) {
		l.version++
		ents = append(ents, entry(1, i+k, fmt.Sprintf("version %d%*d", l.version, l.rnd.IntN(100), 0)))
	}
	l.replaced(i)
	require.NoError(l.t, l.w.SaveEntry(ents))
	l.model = append(l.model[:i-1:i-1], ents...)
}

// replaced notes that what was there from i on is no more.
func (l *readingLife) replaced(i uint64) {
	if i > l.last() {
		return
	}
	for _, r := range l.readings {
		if r.cut == 0 || i < r.cut {
			r.cut = i
		}
	}
	l.first = min(l.first, i)
}

func (l *readingLife) step() {
	t, w := l.t, l.w
	switch k := l.rnd.IntN(14); {
	case k < 5:
		l.save(l.last()+1, 1+l.rnd.IntN(8))
	case k < 7 && l.last() > 3: // again
		l.save(l.last()-l.rnd.Uint64N(3), 1+l.rnd.IntN(3))
	case k == 7 && l.last() > 0:
		i := l.last() - l.rnd.Uint64N(min(l.last(), 40))
		l.replaced(i + 1)
		require.NoError(t, w.TruncateBack(i))
		l.model = l.model[:i:i]
	case k == 8 && l.last() > 0:
		i := 1 + l.rnd.Uint64N(l.last())
		require.NoError(t, w.SaveSnap(at(i)))
		require.NoError(t, w.Release(at(i)))
		_, err := w.Purge()
		require.NoError(t, err)
		l.first = w.FirstIndex()
	case k == 9 && l.last() >= l.first && len(l.readings) < 8:
		lo := l.first + l.rnd.Uint64N(l.last()-l.first+1)
		next, stop := iter.Pull2(w.Entries(lo, l.last()+1))
		r := &reading{next: next, stop: stop, want: l.model, at: lo}
		l.readings = append(l.readings, r)
		l.goOn(r, 1) // it begins with its first step
	case k == 10 && len(l.readings) > 0:
		n := l.rnd.IntN(len(l.readings))
		if l.goOn(l.readings[n], l.rnd.IntN(100)) {
			l.readings[n].stop()
			l.readings = append(l.readings[:n], l.readings[n+1:]...)
		}
	case k == 12 && l.last() >= l.first && l.rnd.IntN(4) == 0:
		require.NoError(t, w.Compact(l.first+l.rnd.Uint64N(l.last()-l.first+1)))
		l.first = w.FirstIndex()
	case k == 13 && l.rnd.IntN(8) == 0:
		l.jump()
	case k == 11:
		l.catchUp(l.followers[l.rnd.IntN(len(l.followers))], l.rnd.IntN(200))
	}
}

// jump has a snapshot ahead of the log replace all there is: iterations do not notice, and
// followers end once they have had what was there.
func (l *readingLife) jump() {
	last := l.last()
	require.NoError(l.t, l.w.SaveSnap(at(last+5)))
	l.model = append(l.model[:last:last], make([]log.LogEntry, 5)...)
	l.first = last + 6
	l.save(last+6, 1) // settles it
	for _, f := range l.followers {
		for f.at <= last {
			l.catchUp(f, 1)
		}
		_, err, _ := f.next()
		for errors.Is(err, ErrOverwritten) { // before the jump
			f.at = err.(*OverwrittenError).Index
			for ; f.at <= last; f.at++ {
				_, err, _ = f.next()
				require.NoError(l.t, err)
			}
			_, err, _ = f.next()
		}
		require.ErrorIs(l.t, err, ErrCompacted)
		f.stop()
		l.follow(f)
	}
}

// follow has a follower begin at the log's first entry, with what is before it.
func (l *readingLife) follow(f *reading) {
	next, stop := iter.Pull2(l.w.Follow(l.ctx, l.first))
	*f = reading{next: next, stop: stop, at: l.first, got: slices.Clone(l.model[:l.first-1])}
	l.catchUp(f, 1)
}

// goOn takes n steps of an iteration, and tells whether it is over.
func (l *readingLife) goOn(r *reading, n int) (over bool) {
	for range n {
		ent, err, ok := r.next()
		if !ok {
			require.EqualValues(l.t, len(r.want)+1, r.at)
			return true
		}
		if r.cut != 0 && r.at >= r.cut {
			var o *OverwrittenError
			require.ErrorAs(l.t, err, &o)
			require.Equal(l.t, r.cut, o.Index)
			return true
		}
		require.NoError(l.t, err, "entry %d", r.at)
		require.Equal(l.t, r.want[r.at-1], ent)
		r.at++
	}
	return false
}

// catchUp takes up to n steps of a follower, which does not wait.
func (l *readingLife) catchUp(r *reading, n int) {
	for range n {
		if r.at > l.last() && (r.at == l.last()+1 && r.cut == 0) {
			return
		}
		ent, err, ok := r.next()
		require.True(l.t, ok)
		var o *OverwrittenError
		if errors.As(err, &o) {
			require.Less(l.t, o.Index, r.at)
			r.at, r.got, r.cut = o.Index, r.got[:o.Index-1], 0
			continue
		}
		require.NoError(l.t, err, "entry %d", r.at)
		require.Equal(l.t, r.at, ent.GetIndex())
		r.got = append(r.got, ent)
		r.at++
	}
}

// Wherever an iteration stands when the entries ahead of it are dropped, also where it has to look
// up the next ones, it ends there and says so.
func TestLookUp_WhatIsDroppedAheadIsNotLookedUp(t *testing.T) {
	w, _ := newLog(t, WithNoSync(), WithSegmentSize(64<<10), WithPreallocation(PreallocateNone))
	const n = 260
	for i := uint64(1); i <= n; i++ {
		require.NoError(t, w.SaveEntry([]log.LogEntry{entry(1, i, strings.Repeat("x", 200))}))
	}
	for k := uint64(n - 1); k > 0; k-- {
		next, stop := iter.Pull2(w.Entries(1, k+2))
		for range k {
			_, err, ok := next()
			require.True(t, ok)
			require.NoError(t, err)
		}
		require.NoError(t, w.TruncateBack(k))
		_, err, ok := next()
		require.True(t, ok)
		var over *OverwrittenError
		require.ErrorAs(t, err, &over, "behind entry %d", k)
		require.Equal(t, k+1, over.Index)
		stop()
	}
}

// Whatever is saved, replaced, released and purged meanwhile: an iteration yields what there was
// when it began, up to the first entry that was replaced, and a follower ends up with what the log
// holds.
func TestLookUp_ReadingsBesideEverything(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			w, _ := newLog(t, WithNoSync(), WithSegmentSize(8<<10), WithPreallocation(PreallocateNone))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			l := &readingLife{t: t, ctx: ctx, rnd: rand.New(rand.NewPCG(seed, 9)), w: w, first: 1}
			l.save(1, 1)
			for range 3 {
				f := new(reading)
				l.follow(f)
				defer func() { f.stop() }()
				l.followers = append(l.followers, f)
			}
			for range 600 {
				l.step()
			}
			for _, r := range l.readings {
				l.goOn(r, 1<<20)
				r.stop()
			}
			for _, f := range l.followers {
				for f.at != l.last()+1 || len(f.got) != len(l.model) {
					l.catchUp(f, 1)
				}
				l.followed(f)
			}
		})
	}
}

// followed makes sure that a follower has what the log holds. Where the log was replaced after it
// has caught up, it learns that with the next entry.
func (l *readingLife) followed(f *reading) {
	l.save(l.last()+1, 1)
	for f.at <= l.last() {
		l.catchUp(f, 1)
	}
	require.Equal(l.t, l.model, f.got)
}
