package wal

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/log"
)

// Release lets go of the segments that hold only entries older than snap, so that Purge, or etcd's
// purge, can delete them. The segment that holds the snapshot's index is kept, and so is the one
// that records the snapshot: the log can still be opened at it. Entries in released segments can no
// longer be read, except by iterations that began before. They come back if the log is opened again
// before a Purge has deleted them.
//
// snap is a snapshot that was saved in the log, with the same term if its type has one; otherwise
// the error is [ErrSnapshotNotFound], and nothing is released. A snapshot that is not above the one
// released last, or is below the one that the log was opened at, releases nothing and is no error,
// whether it was ever saved or not. Release a snapshot ahead of the entries only once a state
// commits it: what the older snapshot needs goes with the release.
func (w *WAL) Release(snap log.Snapshot) error {
	if codec.IsNil(snap) {
		return fmt.Errorf("%w: a nil snapshot", ErrInvalidArgument)
	}
	mark, err := codec.AskedID(snap)
	if err != nil {
		return err
	}
	// Other processes may delete what is released, so what replaces it is made durable first.
	if err := w.Sync(); err != nil {
		return err
	}
	w.writer.Lock()
	defer w.unlock()
	if err := w.sticky.err(); err != nil {
		return err
	}
	w.mu.RLock()
	found, known, ok := w.marks.find(mark)
	older := mark.Index <= w.released
	w.mu.RUnlock()
	switch {
	case !ok && older:
		return nil
	case known && !ok:
		return fmt.Errorf("%w: %w: index %d with term %d; release the one that was saved",
			ErrSnapshotNotFound, ErrSnapshotMismatch, mark.Index, mark.Term)
	case !ok:
		return fmt.Errorf("%w: index %d; save it with SaveSnap before it is released",
			ErrSnapshotNotFound, mark.Index)
	}
	return w.letGo(w.snapshotPosition(found), found.Index)
}

// letGo gives up the segments before the i-th for Purge. It forgets what is in them, and the
// snapshots below index, which can no longer be released: so there are few marks however many
// snapshots are saved. The writer's lock is held.
func (w *WAL) letGo(i int, index uint64) error {
	names, err := w.segments.drop(w.dir, i)
	if err != nil {
		return err // nothing was given up; the next call tries again
	}
	w.dropped = append(w.dropped, names...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.marks.dropBelow(index)
	w.dropBefore(w.segments[0].seq)
	w.holders.dropBefore(w.segments[0].seq)
	w.released = max(w.released, index)
	return nil
}

// snapshotPosition returns which of w.segments is the first one that an open at a snapshot needs.
// The writer's lock is held.
func (w *WAL) snapshotPosition(m snapshotMark) int {
	first, last := w.segments[0].seq, w.tailSegment().seq
	for seq := max(first, w.holders.next); seq <= last; seq++ {
		w.holders.add(w.segments[seq-first].segmentName)
	}
	seq := first
	if n, ok := w.holders.find(m.Index); ok {
		// After an overwrite below the snapshot, its record can stand in an earlier segment.
		seq = max(first, min(n.seq, m.seq))
	}
	// Segments before a Restore are not needed.
	w.mu.RLock()
	seq = max(seq, min(w.restored, last))
	w.mu.RUnlock()
	return int(seq - first)
}

// Purge deletes the segments that are released, oldest first, and returns how many it deleted.
// Segments before the one that the log was opened at count as released. If an iteration under way
// still needs a segment, Purge leaves that one and all behind it for a later Purge. A Close
// meanwhile ends it with [ErrClosed].
func (w *WAL) Purge() (removed int, err error) {
	defer w.tell()
	w.purging.Lock()
	defer w.purging.Unlock()
	w.writer.Lock()
	if err := w.sticky.err(); err != nil {
		w.writer.Unlock()
		return 0, err
	}
	first, names := w.segments[0].seq, w.dropped
	w.writer.Unlock()
	if err := w.checkDir(); err != nil {
		return 0, w.fail("purge", err)
	}
	// What is released is not in the index, so no read begins in it any more.
	first = w.needed(first)
	w.files.dropBefore(first)
	if len(names) == 0 || names[0].seq >= first {
		return 0, nil
	}
	// The snapshot that the segments were released for, or the state that commits it, may have been
	// saved without a sync: a crash must not take it once what it replaces is gone.
	if err := w.Sync(); err != nil {
		return 0, err
	}
	return w.remove(names, first)
}

// remove deletes the named segments below number first, in their order, each one durably, and
// returns how many it deleted. w.purging is held.
func (w *WAL) remove(names []segmentName, first uint64) (removed int, err error) {
	for _, n := range names {
		if n.seq >= first {
			break
		}
		if w.leaving.Load() {
			return removed, ErrClosed
		}
		err := w.dir.Remove(n.String())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, fmt.Errorf("wal: purge: %w", err)
		}
		// Each removal is made durable before the next one: otherwise a crash could leave a segment of
		// which the next one is gone.
		if err := w.dir.Sync(); err != nil {
			return removed, w.fail("sync of the directory", err)
		}
		w.deleted(n)
		if err != nil {
			continue // it was deleted already, such as by etcd's purge
		}
		removed++
		if purged := w.listener.Purged; purged != nil {
			w.later(event{other: func() { purged(n.String()) }})
		}
	}
	return removed, nil
}

// deleted records that a segment is gone, durably.
func (w *WAL) deleted(n segmentName) {
	w.writer.Lock()
	defer w.unlock()
	if len(w.dropped) > 0 && w.dropped[0] == n { // Purge has them in their order
		w.dropped = w.dropped[1:]
	}
}
