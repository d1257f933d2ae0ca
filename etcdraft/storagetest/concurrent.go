package storagetest

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"go.etcd.io/raft/v3"
)

var concurrentChecks = []Check{{
	Name: "Concurrent/ReadersBesideTheWriter",
	Says: "Most methods of MemoryStorage are run on the raft goroutine, but Append() is run on an " +
		"application goroutine.",
	run: readersBesideTheWriter,
}}

// readersBesideTheWriter reads all the time while entries are saved, replaced and compacted and
// snapshots come. The race detector sees more of it.
func readersBesideTheWriter(e *env) {
	n := e.start()
	n.append(10)
	const readers = 3
	r := &readings{store: n.store}
	var group sync.WaitGroup
	errs := make(chan error, readers)
	for range readers {
		group.Go(func() { errs <- r.run() })
	}
	err := attempt(func() { n.work(r) })
	r.stop.Store(true)
	group.Wait()
	for range readers {
		err = errors.Join(err, <-errs)
	}
	must(err, "readers beside a writer")
	n.compare()
}

// work does all that a writer does, again and again, and tells the readers what is committed.
func (n *node) work(r *readings) {
	const rounds = 40
	for i := range uint64(rounds) {
		n.append(10, 300, 10, 2000, 10)
		n.commit(n.last() - 3)
		r.committed.Store(n.hard.GetCommit())
		n.replace(n.last()-1, 10, 10, 10)
		n.compareLog()
		n.snapshot(n.hard.GetCommit() - i%2)
		n.compact(n.newest() - i%3)
		if i%4 == 3 {
			n.receive(n.last()-i%8/4, 10, 10)
			r.committed.Store(n.hard.GetCommit())
		}
		n.compareLog()
		if r.stop.Load() {
			return
		}
	}
}

// readings is what several goroutines read of a store that another one changes.
type readings struct {
	store     raft.Storage
	committed atomic.Uint64 // up to here the log only changes by compaction
	stop      atomic.Bool
}

// run reads until it is stopped, or until something is wrong.
func (r *readings) run() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic beside the writer: %v", v)
		}
		if err != nil {
			r.stop.Store(true)
		}
	}()
	var before seen
	for !r.stop.Load() && err == nil {
		err = r.once(&before)
	}
	return err
}

// seen is what a reader has seen: none of it may ever be less.
type seen struct{ first, snapshot uint64 }

// once reads everything but InitialState.
func (r *readings) once(before *seen) error {
	committed := r.committed.Load()
	first, err := r.store.FirstIndex()
	last, err2 := r.store.LastIndex()
	snap, err3 := r.store.Snapshot()
	now := seen{first, snap.GetMetadata().GetIndex()}
	if err3 == raft.ErrSnapshotTemporarilyUnavailable {
		err3, now.snapshot = nil, before.snapshot
	}
	if err := errors.Join(err, err2, err3); err != nil {
		return err
	}
	if now.first < before.first || now.snapshot < before.snapshot || last < committed {
		return fmt.Errorf("first index %d after %d, last index %d with %d committed, snapshot %d "+
			"after %d", now.first, before.first, last, committed, now.snapshot, before.snapshot)
	}
	*before = now
	return errors.Join(r.terms(first, last, committed), r.entries(first, committed))
}

// terms reads terms. They only grow along the log, even while it changes: what replaces an entry
// has a higher term. Entries are compacted meanwhile, and those above the committed index may be
// gone.
func (r *readings) terms(first, last, committed uint64) error {
	var before uint64
	for i := first - 1; i <= last; i++ {
		term, err := r.store.Term(i)
		switch {
		case err == raft.ErrCompacted, err == raft.ErrUnavailable && i > committed:
		case err != nil:
			return fmt.Errorf("Term(%d) of a log from %d to %d: %w", i, first, last, err)
		case term < before:
			return fmt.Errorf("Term(%d) is %d, behind an entry of term %d", i, term, before)
		default:
			before = term
		}
	}
	return nil
}

// entries reads the committed entries.
func (r *readings) entries(first, committed uint64) error {
	if first > committed {
		return nil
	}
	ents, err := r.store.Entries(first, committed+1, math.MaxUint64)
	if err == raft.ErrCompacted {
		return nil
	}
	if err != nil {
		return fmt.Errorf("Entries(%d, %d): %w", first, committed+1, err)
	}
	if uint64(len(ents)) != committed+1-first {
		return fmt.Errorf("Entries(%d, %d) has %d entries", first, committed+1, len(ents))
	}
	for i, ent := range ents {
		if ent.GetIndex() != first+uint64(i) {
			return fmt.Errorf("entry %d of Entries(%d, …) has the index %d", i, first, ent.GetIndex())
		}
		if err := sound(ent); err != nil {
			return fmt.Errorf("Entries(%d, %d): %w", first, committed+1, err)
		}
	}
	return nil
}
