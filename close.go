package wal

import (
	"fmt"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
)

// Close makes everything that was saved durable, marks the log as closed cleanly, and gives up its
// locks. A log that failed earlier is closed too, and the failure is returned. Closing again
// returns what the first Close returned. A Purge under way ends first, after the segment that it is
// deleting: once Close has returned, nothing in the log's directory is touched any more.
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

// closedBlock is the size in bytes of the blocks that markClosed assumes a disk to lose at once:
// the CLOSED record stands in another one than data.
const closedBlock = 4096

// close ends the use of the log. The lock is held.
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
	w.sticky.set(ErrClosed)
	w.pipeline.close()
	w.stopDelay()
	last := len(w.segments) - 1
	closeAll(w.segments[:last])
	if cerr := w.segments[last].file.Close(); cerr != nil && err == nil {
		err = fmt.Errorf("wal: close segment %s: %w", w.segments[last].segmentName, cerr)
	}
	w.leave()
	return err
}

// markClosed ends the log with a CLOSED record, in a block that holds nothing else of the log. If
// the block with the last save is lost later, CLOSED still stands behind it and shows that
// something is missing. The space between is filled with crc records, which say nothing new. They
// are synced before CLOSED is written, because CLOSED vouches for them. Nobody leads, and the lock
// is held.
func (w *WAL) markClosed() error {
	if w.unsynced {
		if err := w.flushNow(); err != nil {
			return err
		}
	}
	e := &w.open.enc
	if !e.trailered || w.closedMark || w.makeRoom() != nil {
		return nil // without CLOSED, the next open is as after a crash
	}
	border := (e.end() + closedBlock - 1) / closedBlock * closedBlock
	if e.end() < border {
		for e.end() < border {
			e.appendBytes(log.CrcType, nil, frame.FlagCommit)
		}
		if err := w.flushNow(); err != nil {
			return err
		}
	}
	w.open.enc.appendBytes(log.CrcType, frame.ClosedData(), frame.FlagCommit)
	return w.flushNow()
}

// Abandon ends the use of the log as the death of the process would: what is pending is not
// written, nothing is synced or marked as closed, and a file that is being prepared stays where it
// is. Abandon gives up only what a dead process cannot keep either: its locks, its files, its
// goroutines. It is for tests of programs that embed the log; docs/TESTING.md shows how.
//
// A save that is being written when Abandon is called is waited for, and may return nil. Every
// other one that has not returned gets [ErrClosed], and so does every later call. A save that has
// returned nil is found by the next Open, as after a crash of the process, even if it was not
// synced, unless [WithWriteDelay] lets it wait. Nothing is written after Abandon has returned.
// After Close it does nothing, and a Close after it returns nil.
func (w *WAL) Abandon() {
	w.closing.Lock()
	defer w.closing.Unlock()
	w.leaving.Store(true)
	w.sticky.set(ErrClosed) // from here on, no save is accepted
	w.purging.Lock()
	defer w.purging.Unlock()
	w.writer.Lock()
	defer w.writer.Unlock()
	if w.closed {
		return
	}
	w.closed = true
	w.leader.awaitVacant()
	w.failPending(ErrClosed)
	w.pipeline.abandon()
	w.stopDelay()
	closeAll(w.segments)
	w.leave()
}
