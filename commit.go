package wal

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/log"
)

// save is what one call writes, as one: the entries, then the state, then the
// snapshot, then the truncation; whatever of it there is.
type save struct {
	ents     []log.LogEntry
	st       log.HardState
	snap     log.Snapshot
	truncate []byte // data of a TRUNCATE record
	lazy     bool   // need not be durable when the save returns
}

// noted is what an encoded save changes in the contents once it is durable.
type noted struct {
	entries         []notedEntry
	state, snapshot []byte // in the encoder's buffer; nil: none
	snapIndex       uint64
}

// notedEntry is an entry with its frame's offset and the checksum before it.
type notedEntry struct {
	index uint64
	off   int64
	crc   uint32
}

// tailEnd is where the next record goes, in the last of the segments.
type tailEnd struct {
	off    int64
	crc    uint32
	sealed bool
	header int64 // end of the segment's header; 0 if the segment was found at open
}

// commit writes one save and makes it durable. An error is either the caller's
// mistake, and then nothing was written and the log goes on, or it is final.
func (w *WAL) commit(s *save) error {
	w.writer.Lock()
	defer w.writer.Unlock()
	if err := w.life.err(); err != nil {
		return err
	}
	return w.commitLocked(s)
}

// commitLocked is commit for a caller that holds the writer's lock and knows the log alive.
func (w *WAL) commitLocked(s *save) error {
	began := time.Now()
	if err := w.encode(s); err != nil {
		return err
	}
	// A batch that does not fit goes into the next segment whole, so a save never
	// grows a file; only one that is larger than a segment does.
	if w.enc.end() > w.opts.segmentSize && w.tail.off > w.tail.header {
		if err := w.cut(); err != nil {
			return err
		}
		if err := w.encode(s); err != nil {
			return err
		}
	}
	if err := w.write(!s.lazy && !w.opts.noSync); err != nil {
		return err
	}
	w.publish(s)
	if w.tail.off > w.opts.segmentSize/2 {
		w.pipeline.start(w.tailSegment().seq + 1)
	}
	w.stats.Saves++
	w.stats.Entries += uint64(len(s.ents))
	if saved := w.opts.listener.Saved; saved != nil {
		saved(SaveEvent{Entries: len(s.ents), Bytes: len(w.enc.buf), Durable: !w.unsynced, Took: time.Since(began)})
	}
	return nil
}

// records is how many records the save has.
func (s *save) records() int {
	n := len(s.ents)
	for _, there := range []bool{s.st != nil, s.snap != nil, s.truncate != nil} {
		if there {
			n++
		}
	}
	return n
}

// encode builds the batch of a save for the tail, and notes what it changes.
// A mistake of the caller's types leaves the log as it was.
func (w *WAL) encode(s *save) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: a method of the record panics: %v", ErrEncode, r)
		}
	}()
	w.startBatch()
	e := &w.enc
	w.noted = noted{entries: w.noted.entries[:0]}
	left := s.records()
	flags := func() byte {
		if left--; left == 0 {
			return flagCommit
		}
		return 0
	}
	last := w.last
	for _, ent := range s.ents {
		if last, err = w.encodeEntry(ent, last, flags()); err != nil {
			return err
		}
	}
	if s.st != nil {
		s.lazy = w.mayWait(s)
		if err := e.appendRecord(log.StateType, s.st, flags()); err != nil {
			return err
		}
		w.noted.state = e.data
	}
	if s.snap != nil {
		if err := e.appendRecord(log.SnapshotType, s.snap, flags()); err != nil {
			return err
		}
		w.noted.snapIndex, w.noted.snapshot = s.snap.GetIndex(), e.data
	}
	if s.truncate != nil {
		e.appendBytes(log.CrcType, s.truncate, flags())
	}
	return nil
}

// mayWait tells whether the type of the save's state says that it need not be durable at once.
func (w *WAL) mayWait(s *save) bool {
	st, ok := s.st.(log.SyncState)
	if !ok || s.records() > 1 {
		return false
	}
	if w.state == nil {
		return !st.MustSync(nil)
	}
	prev, err := decodeState(w.registry, w.state)
	return err == nil && !st.MustSync(prev)
}

// encodeEntry appends an entry that follows index last, and returns its own index.
func (w *WAL) encodeEntry(ent log.LogEntry, last uint64, flags byte) (uint64, error) {
	if isNil(ent) {
		return 0, fmt.Errorf("%w: a nil entry", ErrInvalidArgument)
	}
	i := ent.GetIndex()
	if err := checkIndex(i, last); err != nil {
		return 0, err
	}
	w.noted.entries = append(w.noted.entries, notedEntry{i, w.enc.end(), w.enc.crc})
	if err := w.enc.appendRecord(log.EntryType, ent, flags); err != nil {
		return 0, fmt.Errorf("entry %d: %w", i, err)
	}
	return i, nil
}

// write puts the encoder's batch at the tail with one write and, unless it may
// wait, one sync. The batch before is stable, or this one does not say SYNCED.
func (w *WAL) write(durable bool) error {
	if _, err := w.tailSegment().file.WriteAt(w.enc.buf, w.tail.off); err != nil {
		return w.fail("write", err)
	}
	w.unsynced, w.closedMark = true, false
	w.tail.off, w.tail.crc = w.enc.end(), w.enc.crc
	w.stats.BytesWritten += uint64(len(w.enc.buf))
	if durable {
		return w.syncTail()
	}
	return nil
}

// syncTail makes all that was written durable.
func (w *WAL) syncTail() error {
	began := time.Now()
	if err := w.tailSegment().file.Datasync(); err != nil {
		return w.fail("sync", err)
	}
	took := time.Since(began)
	w.unsynced = false
	w.stats.Syncs++
	w.stats.SyncTime += took
	w.stats.MaxSyncTime = max(w.stats.MaxSyncTime, took)
	if w.opts.slowSync > 0 && took > w.opts.slowSync {
		w.lg.Warn("slow sync of the log", zap.String("dir", w.dir), zap.Duration("took", took), zap.Duration("expected-at-most", w.opts.slowSync))
	}
	if synced := w.opts.listener.Synced; synced != nil {
		synced(took)
	}
	return nil
}

// publish makes a written save visible to readers.
func (w *WAL) publish(s *save) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := w.tailSegment().segmentName
	for _, n := range w.noted.entries {
		w.addEntry(n.index, name, n.off, n.crc)
	}
	if s.st != nil {
		w.setState(w.noted.state)
	}
	if s.snap != nil {
		w.addSnapshot(w.noted.snapIndex, name.seq, w.noted.snapshot)
	}
	if i, ok := parseTruncate(s.truncate); ok {
		w.contents.truncate(i)
	}
}

// fail ends the log's life: after a failed write or sync nobody knows what is
// on disk, and a later sync that succeeds proves nothing, as the kernel may have
// dropped the pages. Every later call gets this error; only a new open recovers.
func (w *WAL) fail(what string, cause error) error {
	err := fmt.Errorf("%w: %s of the log in %s: %w; what was acknowledged is safe: close it, mend the cause, and open it again", ErrFailed, what, w.dir, cause)
	if w.life.end(err) {
		w.lg.Error("the log failed and takes no more saves", zap.String("dir", w.dir), zap.Error(err))
		if failed := w.opts.listener.Failed; failed != nil {
			failed(err)
		}
	}
	return w.life.err()
}

// cut goes on to a new segment. In this order, so that a crash at any point
// leaves a log: first the old segment is cut to its end and synced, so that
// all segments but the last are whole, always; then the new one gets its
// header, is synced, is named, and its name is synced. A crash before the name
// is there leaves the old segment as the last one, which is full; the next open goes
// on with a cut. Only then does a save go into the new one.
func (w *WAL) cut() error {
	began := time.Now()
	old := w.tailSegment()
	seq := old.seq + 1
	f, tmp, err := w.pipeline.take(seq)
	if err != nil {
		return w.fail("new segment", err)
	}
	if err := old.file.Truncate(w.tail.off); err != nil {
		discard(w.fs, f, tmp)
		return w.fail("truncate", err)
	}
	if err := old.file.Sync(); err != nil {
		discard(w.fs, f, tmp)
		return w.fail("sync", err)
	}
	h := header{
		name: segmentName{seq, w.last + 1}, crc: w.tail.crc, sealed: !w.opts.etcdFormat,
		metadata: w.metadata, state: w.state,
	}
	seg, err := h.install(w.fs, w.dir, f, tmp, &w.enc)
	if err != nil {
		f.Close()
		return w.fail("new segment", err)
	}
	w.segments = append(w.segments, seg)
	w.setTail(h.sealed)
	w.stats.Cuts++
	if cut := w.opts.listener.Cut; cut != nil {
		cut(CutEvent{Segment: seg.String(), Took: time.Since(began)})
	}
	return nil
}

// setTail goes on behind the segment header that the encoder has just built.
func (w *WAL) setTail(sealed bool) {
	w.tail = tailEnd{off: w.enc.end(), crc: w.enc.crc, sealed: sealed, header: w.enc.end()}
	w.unsynced, w.closedMark = false, false
}
