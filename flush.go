package wal

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// flight is a batch on its way to the disk.
type flight struct {
	*batch
	saves int // in it; known also when the batch is used again
	file  vfs.File
	name  segmentName
	sync  bool
	began time.Time
	took  time.Duration // of the sync
}

// write puts the batch's bytes where they belong, with one write.
func (f *flight) write() error {
	if len(f.enc.buf) == 0 {
		return nil
	}
	_, err := f.file.WriteAt(f.enc.buf, f.enc.at.off)
	return err
}

// flush writes the open batch and makes it durable. The lock is held, and given
// up during the I/O; the caller leads.
func (w *WAL) flush(began time.Time) error {
	f := w.take()
	f.began = began
	w.writer.Unlock()
	err := w.perform(f)
	w.writer.Lock()
	w.pipeline.progress(w.tailSegment().seq+1, w.open.enc.at.off)
	return w.settle(f, err)
}

// take takes the open batch away and opens the next one behind it. Its first
// record may say SYNCED if this one is synced: it is written only after that.
func (w *WAL) take() *flight {
	f := w.takeFor(w.spare)
	w.open.enc.start(place{f.name.seq, f.enc.end()}, f.enc.crc, f.enc.sealed, !w.unsynced)
	return f
}

// takeFor takes the open batch away, and makes next the open one.
func (w *WAL) takeFor(next *batch) *flight {
	f := &w.flying
	tail := w.tailSegment()
	*f = flight{batch: w.open, saves: w.open.saves, file: tail.file, name: tail.segmentName, began: w.now()}
	f.sync = f.batch.sync && (w.unsynced || len(f.enc.buf) > 0)
	w.unsynced = !f.sync && (w.unsynced || len(f.enc.buf) > 0)
	w.open, w.spare = next, nil
	w.room.Broadcast()
	return f
}

// perform does the I/O of a batch, shows it to readers, and lets its callers go.
// Only the leader performs, so batches are written one after the other.
func (w *WAL) perform(f *flight) error {
	if err := f.write(); err != nil {
		return f.answer(w.fail("write", err))
	}
	if err := w.runway.lengthen(f.file, len(f.enc.buf), f.enc.end()); err != nil {
		return f.answer(w.fail("write", err))
	}
	if f.sync {
		began := time.Now()
		if err := f.file.Datasync(); err != nil {
			return f.answer(w.fail("sync", err))
		}
		f.took = time.Since(began)
	} else {
		f.writeBack()
	}
	return w.finished(f)
}

// finished shows a batch that is as durable as it has to be to readers, counts it, and lets its callers go.
func (w *WAL) finished(f *flight) error {
	w.publish(f.notes, f.name, f.enc.end())
	w.count(f)
	return f.answer(nil)
}

// settle ends a batch that was performed, and takes its memory back. The lock is held.
func (w *WAL) settle(f *flight, err error) error {
	w.closedMark = w.closedMark && len(f.enc.buf) == 0
	w.spare = f.batch
	w.spare.reset()
	if err != nil {
		w.abandon(err)
	}
	return err
}

// fail ends the log's life: after a failed write or sync nobody knows what is
// on disk, and a later sync that succeeds proves nothing, as the kernel may have
// dropped the pages. Every later call gets this error; only a new open recovers.
func (w *WAL) fail(what string, cause error) error {
	advice := "what was acknowledged is safe: close it, mend the cause, and open it again"
	if errors.Is(w.dir.Check(), vfs.ErrDeleted) {
		advice = "its directory was deleted, and what was acknowledged is gone with it: close it, and put a copy in its place"
	}
	err := fmt.Errorf("%w: %s of the log in %s: %w; %s", ErrFailed, what, w.dir.Path(), cause, advice)
	if w.life.end(err) {
		w.alarm("the log failed and takes no more saves", zap.String("dir", w.dir.Path()), zap.Error(err))
		if failed := w.listener.Failed; failed != nil {
			w.later(event{other: func() { failed(err) }})
		}
	}
	return w.life.err()
}

// abandon gives the saves that are not written yet the error that ended the log's life.
func (w *WAL) abandon(err error) {
	w.open.answer(err)
	w.open.reset()
	w.room.Broadcast()
}
