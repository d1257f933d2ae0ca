package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/seed449c39bc/wal/log"
)

// closedBlock is the unit in which the CLOSED record keeps away from data, in
// bytes: what a disk loses at once.
const closedBlock = 4096

// Close makes everything that was saved durable, marks the log as closed
// cleanly, and gives up its locks. A log that failed earlier is closed too, and
// the failure returned. Closing again returns what the first Close returned. A Purge
// under way ends first, at the segment it is at: once Close has returned, nothing of the log's
// directory is touched any more.
func (w *WAL) Close() error {
	defer w.tellAll() // nothing is told after Close has returned
	w.closing.Lock()
	defer w.closing.Unlock()
	w.leaving.Store(true)
	w.purging.Lock()
	defer w.purging.Unlock()
	w.writer.Lock()
	defer w.writer.Unlock()
	if !w.closed {
		w.closed, w.closeErr = true, w.close()
	}
	return w.closeErr
}

// close ends the log's life. The lock is held.
func (w *WAL) close() error {
	err := w.quiesce()
	if err == nil {
		if err = w.checkDir(); err != nil {
			err = w.fail("close", err)
		}
	}
	if err == nil {
		err = w.markClosed()
	}
	w.life.end(ErrClosed)
	w.pipeline.close()
	last := len(w.segments) - 1
	closeAll(w.segments[:last])
	if cerr := w.segments[last].file.Close(); cerr != nil && err == nil {
		err = fmt.Errorf("wal: close segment %s: %w", w.segments[last].segmentName, cerr)
	}
	w.leave()
	return err
}

// markClosed ends the log with a CLOSED record in a block that holds nothing
// else of the log: if the block with the last save is lost later, CLOSED still
// stands behind it and shows that something is missing. The space between is
// filled with crc records, which say nothing new, and which are stable before
// CLOSED is written, because it vouches for them. Nobody leads.
func (w *WAL) markClosed() error {
	if w.unsynced {
		if err := w.flushNow(); err != nil {
			return err
		}
	}
	e := &w.open.enc
	if !e.sealed || w.closedMark || w.makeRoom() != nil { // without the mark, the next open is as after a crash
		return nil
	}
	border := (e.end() + closedBlock - 1) / closedBlock * closedBlock
	if e.end() < border {
		for e.end() < border {
			e.appendBytes(log.CrcType, nil, flagCommit)
		}
		if err := w.flushNow(); err != nil {
			return err
		}
	}
	w.open.enc.appendBytes(log.CrcType, closedData(), flagCommit)
	return w.flushNow()
}

// Release lets go of the segments that hold only entries older than snap, so that Purge, or
// etcd's purge, can delete them. The segment that holds the snapshot's
// index is kept, and so is the one that records the snapshot: the log can still be
// opened at it. Entries in released segments can no longer be read, but by
// iterations that began before. They come back when the log is opened again
// before a Purge has deleted them.
//
// snap is a snapshot that was saved in the log, with its term if the type has one; otherwise the error is
// [ErrSnapshotNotFound], and nothing is released. One that is not above what was released before, or
// below the snapshot that the log was opened at, releases nothing, whether it was ever saved or
// not. A snapshot ahead of the entries is to be released only once a state commits it: what the
// older one needs goes with it.
func (w *WAL) Release(snap log.Snapshot) error {
	if isNil(snap) {
		return fmt.Errorf("%w: a nil snapshot", ErrInvalidArgument)
	}
	mark, err := askedID(snap)
	if err != nil {
		return err
	}
	// Others may delete what is released: what it is released for is made durable first.
	if err := w.Sync(); err != nil {
		return err
	}
	w.writer.Lock()
	defer w.unlock()
	if err := w.life.err(); err != nil {
		return err
	}
	w.mu.RLock()
	found, known, ok := w.findMark(mark)
	older := mark.index <= w.released
	w.mu.RUnlock()
	switch {
	case !ok && older:
		return nil
	case known && !ok:
		return fmt.Errorf("%w: %w: index %d with term %d; release the one that was saved",
			ErrSnapshotNotFound, ErrSnapshotMismatch, mark.index, mark.term)
	case !ok:
		return fmt.Errorf("%w: index %d; save it with SaveSnap before it is released", ErrSnapshotNotFound, mark.index)
	}
	return w.letGo(w.snapshotPosition(found), found.index)
}

// letGo gives up the segments before position i, for Purge, and forgets what is in them, and the
// snapshots below index, which are no longer for releasing: so there are few marks however many
// snapshots are saved. The writer's lock is held.
func (w *WAL) letGo(i int, index uint64) error {
	names, err := w.segments.drop(w.dir, i)
	if err != nil {
		return err // nothing was given up; the next one tries again
	}
	w.dropped = append(w.dropped, names...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropBefore(w.segments[0].seq)
	w.dropMarks(func(m snapshotMark) bool { return m.index < index })
	w.released = max(w.released, index)
	return nil
}

// snapshotPosition returns the position of the first segment that an open at a
// snapshot needs.
func (w *WAL) snapshotPosition(m snapshotMark) int {
	names := make([]segmentName, len(w.segments))
	for i, s := range w.segments {
		names[i] = s.segmentName
	}
	i := max(holding(names, m.index), 0)
	// After an overwrite below the snapshot its record can stand earlier.
	for i > 0 && names[i].seq > m.seq {
		i--
	}
	// What is before a Restore is needed for nothing.
	w.mu.RLock()
	restored := w.restored
	w.mu.RUnlock()
	for i < len(names)-1 && names[i].seq < restored {
		i++
	}
	return i
}

// Purge deletes the segments that are released, oldest first, and returns how
// many it deleted. Segments before the one that the log was opened at count
// as released. What an iteration under way still needs is left, with all behind it, for a later Purge.
// A Close meanwhile ends it with [ErrClosed].
func (w *WAL) Purge() (removed int, err error) {
	defer w.tell()
	w.purging.Lock()
	defer w.purging.Unlock()
	w.writer.Lock()
	if err := w.life.err(); err != nil {
		w.writer.Unlock()
		return 0, err
	}
	first, names := w.segments[0].seq, slices.Clone(w.dropped)
	w.writer.Unlock()
	if err := w.checkDir(); err != nil {
		return 0, w.fail("purge", err)
	}
	// What is released is not in the index, so no reading begins in it any more.
	first = w.needed(first)
	w.handles.dropBefore(first)
	if len(names) == 0 || names[0].seq >= first {
		return 0, nil
	}
	// The snapshot that the segments were released for, or the state that commits it, may have
	// been saved without a sync: a crash must not take it when what it replaces is gone.
	if err := w.Sync(); err != nil {
		return 0, err
	}
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
		// Each removal is made durable before the next one: a crash must not
		// bring back a segment without its successor.
		if err := w.dir.Sync(); err != nil {
			return removed, w.fail("sync of the directory", err)
		}
		w.deleted(n)
		if err != nil {
			continue // somebody else has deleted it, such as etcd's purge
		}
		removed++
		if purged := w.listener.Purged; purged != nil {
			w.later(event{other: func() { purged(n.String()) }})
		}
	}
	return removed, nil
}

// deleted takes note that a segment is gone, durably.
func (w *WAL) deleted(n segmentName) {
	w.writer.Lock()
	defer w.unlock()
	w.dropped = slices.DeleteFunc(w.dropped, func(d segmentName) bool { return d == n })
}
