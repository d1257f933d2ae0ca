package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// groupOf is how many entries each save of besideLog has. Saves begin behind a
// multiple of it, so whatever is seen at one moment is whole groups of one save each.
const groupOf = 4

// besideLog is a log with a writer, and what the writer was told is durable.
type besideLog struct {
	*WAL
	t     *testing.T
	rnd   *rand.Rand
	save  uint64 // number of the last save; it is the term of its entries
	acked []atomic.Uint64
	epoch atomic.Uint64 // odd while entries are being replaced or dropped
}

const besideMax = 1 << 16 // entries

// write does one thing of a writer.
func (l *besideLog) write() {
	last := l.LastIndex()
	switch k := l.rnd.IntN(100); {
	case k < 80 || last < 20*groupOf:
		l.append(last)
	case k < 90: // an overwrite
		l.epoch.Add(1)
		l.append(last - groupOf*(1+l.rnd.Uint64N(5)))
		l.epoch.Add(1)
	case k < 94:
		l.epoch.Add(1)
		require.NoError(l.t, l.TruncateBack(last-groupOf*(1+l.rnd.Uint64N(5))))
		l.epoch.Add(1)
	case k < 97:
		require.NoError(l.t, release(l.WAL, at(last-groupOf*10)))
	default:
		_, err := l.Purge()
		require.NoError(l.t, err)
	}
}

// append saves a group behind an index.
func (l *besideLog) append(last uint64) {
	l.save++
	var ents []log.LogEntry
	for i := last + 1; i <= last+groupOf; i++ {
		ents = append(ents, &walpb.Entry{Term: l.save, Index: i, Data: make([]byte, l.save%500)})
	}
	require.NoError(l.t, l.SaveEntry(ents))
	for i := last + 1; i <= last+groupOf; i++ {
		l.acked[i].Store(l.save)
	}
}

// check tells what is wrong with an entry that was read as entry i.
func (l *besideLog) check(ent log.LogEntry, i uint64) error {
	e := ent.(*walpb.Entry)
	if e.Index != i || uint64(len(e.Data)) != e.Term%500 {
		return fmt.Errorf("entry %d, term %d with %d bytes, in place of entry %d", e.Index, e.Term,
			len(e.Data), i)
	}
	return nil
}

// readOne reads an entry: what was acknowledged before is there, if not replaced meanwhile.
func (l *besideLog) readOne(rnd *rand.Rand) error {
	first, last := l.FirstIndex(), l.LastIndex()
	if last < first {
		return nil
	}
	i := first + rnd.Uint64N(last-first+1)
	epoch, acked := l.epoch.Load(), l.acked[i].Load()
	ent, err := l.Entry(i)
	quiet := epoch%2 == 0 && l.epoch.Load() == epoch
	switch {
	case errors.Is(err, ErrCompacted), errors.Is(err, ErrNotFound) && !quiet:
		return nil
	case errors.Is(err, ErrNotFound) && l.LastIndex() < i:
		return nil // it was dropped before the epoch was asked for
	case err != nil:
		return err
	}
	if quiet && ent.(*walpb.Entry).Term < acked {
		return fmt.Errorf("entry %d of save %d, after save %d was acknowledged", i,
			ent.(*walpb.Entry).Term, acked)
	}
	return l.check(ent, i)
}

// wholeGroups tells whether entries of one moment are whole saves.
func (l *besideLog) wholeGroups(ents []log.LogEntry) error {
	for _, ent := range ents {
		if err := l.check(ent, ent.GetIndex()); err != nil {
			return err
		}
		e := ent.(*walpb.Entry)
		group := ents[(e.Index-1)/groupOf*groupOf+1-ents[0].GetIndex()].(*walpb.Entry)
		if e.Term != group.Term {
			return fmt.Errorf("entry %d of save %d stands with entry %d of save %d", e.Index, e.Term,
				group.Index, group.Term)
		}
	}
	if n := len(ents); n > 0 && ents[n-1].GetIndex()%groupOf != 0 {
		return fmt.Errorf("the last save is seen in part, up to entry %d", ents[n-1].GetIndex())
	}
	return nil
}

// readMany reads all, in one of the ways there are.
func (l *besideLog) readMany(rnd *rand.Rand) (err error) {
	lo, hi := (l.FirstIndex()-1+groupOf-1)/groupOf*groupOf+1, l.LastIndex()+1
	if lo >= hi {
		return nil
	}
	var ents []log.LogEntry
	switch rnd.IntN(3) {
	case 0:
		_, _, ents, err = l.ReadAll()
		for len(ents) > 0 && ents[0].GetIndex()%groupOf != 1 {
			ents = ents[1:] // a segment may begin within a group that a cut did not part
		}
	case 1:
		ents, err = l.EntriesLimit(lo, hi, ^uint64(0))
	default:
		for ent, e := range l.Entries(lo, hi) {
			var over *OverwrittenError
			if errors.As(e, &over) {
				ents = ents[:(uint64(len(ents)))/groupOf*groupOf]
				break
			}
			if err = e; err != nil {
				break
			}
			ents = append(ents, ent)
		}
	}
	if errors.Is(err, ErrCompacted) || errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return l.wholeGroups(ents)
}

// Reads of every kind, in any order, from many goroutines, while saves, cuts, overwrites,
// truncations, releases and purges go on: what was acknowledged is readable, and nothing
// is seen of half a save.
func TestBeside_ReadsAndEverythingThatAWriterDoes(t *testing.T) {
	for _, limit := range []int{1, 64} {
		w, _ := newLog(t, WithNoSync(), WithSegmentSize(16<<10), WithMaxOpenFiles(limit))
		seed := newSeed(t)
		l := &besideLog{WAL: w, t: t, rnd: rand.New(rand.NewPCG(seed, 0)),
			acked: make([]atomic.Uint64, besideMax)}
		done := make(chan struct{})
		var wg sync.WaitGroup
		var reads atomic.Int64
		for g := range 6 {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(seed, uint64(g)+1))
				for {
					select {
					case <-done:
						return
					default:
					}
					read := l.readOne
					if g%3 == 0 {
						read = l.readMany
					}
					if !assert.NoError(t, read(rnd)) {
						return
					}
					reads.Add(1)
				}
			})
		}
		for began := time.Now(); time.Since(began) < 2*time.Second && l.LastIndex() < besideMax-groupOf; {
			l.write()
		}
		close(done)
		wg.Wait()
		t.Logf("%d saves, %d cuts, %d reads", l.save, w.Stats().Cuts, reads.Load())
		require.Empty(t, w.readers)
		require.NotZero(t, reads.Load())
	}
}
