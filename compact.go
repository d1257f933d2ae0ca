package wal

import (
	"errors"
	"fmt"

	"github.com/seed449c39bc/wal/internal/frame"
)

// Compact drops the entries up to index, exactly and durably: FirstIndex is then index+1, also
// after the log is opened again, and segments that hold nothing else are deleted. It needs no
// snapshot: a queue, for example, compacts up to what was consumed. index is at most LastIndex,
// otherwise the error is [ErrNotFound]. That there is nothing to drop is no error. Compact does not
// check whether the entries are committed.
//
// The log no longer opens at snapshots below index. Those at index and above stay, with the
// segments that an open at them needs: the segments that record them, and those that hold entries
// from their index on. One at index counts as committed from then on. Entries that a snapshot ahead
// of them has hidden, with SaveSnap, are dropped like all others.
//
// Iterations that began before go on; Compact leaves them the segments that they need, for the next
// Compact or Purge.
//
// If the error says that a segment could not be deleted, the entries are dropped all the same, and
// the next call tries to delete it again. In a log opened with [WithEtcdFormat], Compact is refused
// with errors.ErrUnsupported. etcd itself opens a compacted log at a snapshot, as any other log.
func (w *WAL) Compact(index uint64) error {
	if err := w.needsControl("compact", "save a snapshot, release it and purge"); err != nil {
		return err
	}
	if err := w.compact(index); err != nil {
		return err
	}
	// Sync even with WithNoSync: other processes may delete what letGoCompacted gives up.
	if err := w.Sync(); err != nil {
		return err
	}
	if err := w.letGoCompacted(); err != nil {
		return err
	}
	// The record of the compaction is durable, and Purge deletes the segment with the record only
	// after all segments before it. So the entries stay dropped, whichever segments a crash leaves.
	_, err := w.Purge()
	return err
}

// compact returns when the entries up to index are dropped durably.
func (w *WAL) compact(index uint64) error {
	began := w.now()
	w.writer.Lock()
	if last := w.appended.last; w.sticky.err() == nil && index > last {
		w.unlock()
		return fmt.Errorf("%w: cannot compact up to entry %d, the last one is %d",
			ErrNotFound, index, last)
	}
	// A save that is still under way may bring lower entries back. What was released does not count
	// as dropped: before it is purged, the next open brings it back.
	if w.allDone() && w.lacksUpTo(index) {
		err := w.sticky.err()
		w.unlock()
		return err
	}
	done, err := w.add(&save{control: control{frame.ControlCompact, index}})
	if done || err != nil {
		w.unlock()
		return err
	}
	return w.await(began)
}

// letGoCompacted gives up the segments before the first one that holds an entry, or that an open at
// a remaining snapshot needs.
func (w *WAL) letGoCompacted() error {
	w.writer.Lock()
	defer w.unlock()
	if err := w.sticky.err(); err != nil {
		return err
	}
	w.mu.RLock()
	seq := w.tailSegment().seq
	if i, ok := w.lowest(); ok {
		seq = w.index.at(i).name.seq
	}
	lowest, left := w.marks.lowest()
	w.mu.RUnlock()
	i := int(seq - w.segments[0].seq)
	if left {
		i = min(i, w.snapshotPosition(lowest))
	}
	return w.letGo(i, 0)
}

// needsControl returns an error if the log is in etcd's format, which has no control records. what
// names the operation, instead what to do in its place.
func (w *WAL) needsControl(what, instead string) error {
	if !w.opts.etcdFormat {
		return nil
	}
	return fmt.Errorf("wal: %s a log in etcd format: %w; %s", what, errors.ErrUnsupported, instead)
}
