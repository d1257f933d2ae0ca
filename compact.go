package wal

import "fmt"

// Compact drops the entries up to index, exactly and durably: FirstIndex is index+1, also after
// opening again, and segments that hold nothing else are deleted. It needs no snapshot: a queue
// compacts up to what was consumed. index is at most LastIndex, else the error is [ErrNotFound];
// that there is nothing to drop is no error. It does not ask whether the entries are committed.
//
// The log no longer opens at snapshots before index. Those at index and above stay, with the
// segments that an open at them needs: those that record them, and hold entries from their index
// on. One at index counts as committed from then on. Entries that SaveSnap of a snapshot ahead of
// them has left for an older one are dropped like all others.
//
// Iterations that began before go on; Compact leaves them the segments that they need, for the next
// Compact or Purge.
//
// When an error says that a segment could not be deleted, the entries are dropped all the same, and
// the next call tries again. In a log opened with WithEtcdFormat it is refused with
// errors.ErrUnsupported; etcd itself opens a compacted log at a snapshot, like any other.
func (w *WAL) Compact(index uint64) error {
	if err := w.needsControl("compact", "save a snapshot, release it and purge"); err != nil {
		return err
	}
	if err := w.compact(index); err != nil {
		return err
	}
	// Also WithNoSync: others may delete what is let go of.
	if err := w.Sync(); err != nil {
		return err
	}
	if err := w.letGoCompacted(); err != nil {
		return err
	}
	// Crash: the record is durable, so whatever of the segments is left, its entries stay
	// dropped; and Purge deletes the segment with the record only after all before it.
	_, err := w.Purge()
	return err
}

// compact returns when the entries up to index are dropped durably.
func (w *WAL) compact(index uint64) error {
	began := w.now()
	w.writer.Lock()
	if last := w.head.last; w.life.err() == nil && index > last {
		w.unlock()
		return fmt.Errorf("%w: cannot compact up to entry %d, the last one is %d", ErrNotFound, index, last)
	}
	// What is on its way may bring lower entries back. What was released does not count as
	// dropped: it comes back with an open before it is purged.
	if w.settled() && w.lacksUpTo(index) {
		err := w.life.err()
		w.unlock()
		return err
	}
	done, err := w.add(&save{control: control{controlCompact, index}})
	if done || err != nil {
		w.unlock()
		return err
	}
	return w.await(began)
}

// letGoCompacted gives up the segments before the first one that holds an entry, or is needed for
// opening at a snapshot that is left.
func (w *WAL) letGoCompacted() error {
	w.writer.Lock()
	defer w.unlock()
	if err := w.life.err(); err != nil {
		return err
	}
	w.mu.RLock()
	seq := w.tailSegment().seq
	if i, ok := w.lowest(); ok {
		seq = w.index.at(i).name.seq
	}
	lowest, left := w.lowestMark()
	w.mu.RUnlock()
	i := 0
	for w.segments[i].seq < seq {
		i++
	}
	if left {
		i = min(i, w.snapshotPosition(lowest))
	}
	return w.letGo(i, 0)
}
