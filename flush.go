package wal

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/vfs"
)

// inflight is a batch on its way to the disk.
type inflight struct {
	*batch
	file  vfs.File
	name  segmentName
	sync  bool
	began time.Time
	took  time.Duration // of the sync
}

// write puts the batch's bytes where they belong, with one write.
func (f *inflight) write() error {
	if len(f.enc.buf) == 0 {
		return nil
	}
	_, err := f.file.WriteAt(f.enc.buf, f.enc.at.Off)
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
	w.pipeline.progress(w.tailSegment().seq+1, w.open.enc.at.Off)
	return w.recycle(f, err)
}

// take takes the open batch away and opens the next one behind it. Its first
// record may say SYNCED if this one is synced: it is written only after that.
func (w *WAL) take() *inflight {
	f := w.takeFor(w.spare)
	w.open.enc.start(frame.Position{Seq: f.name.seq, Off: f.enc.end()}, f.enc.crc, f.enc.trailered, !w.unsynced)
	return f
}

// takeFor takes the open batch away, and makes next the open one.
func (w *WAL) takeFor(next *batch) *inflight {
	f := &w.inflight
	tail := w.tailSegment()
	*f = inflight{batch: w.open, file: tail.file, name: tail.segmentName, began: w.now()}
	f.sync = f.batch.sync && (w.unsynced || len(f.enc.buf) > 0)
	w.unsynced = !f.sync && (w.unsynced || len(f.enc.buf) > 0)
	w.open, w.spare = next, nil
	w.room.Broadcast()
	return f
}

// perform does the I/O of a batch, shows it to readers, and lets its callers go.
// Only the leader performs, so batches are written one after the other.
func (w *WAL) perform(f *inflight) error {
	if err := f.write(); err != nil {
		return f.complete(w.fail("write", err))
	}
	if err := w.zeroed.extend(f.file, len(f.enc.buf), f.enc.end()); err != nil {
		return f.complete(w.fail("write", err))
	}
	if f.sync {
		began := time.Now()
		if err := f.file.Datasync(); err != nil {
			return f.complete(w.fail("sync", err))
		}
		f.took = time.Since(began)
	} else {
		f.writeBack()
	}
	return w.acknowledge(f)
}

// acknowledge shows a batch that is as durable as it has to be to readers, counts it, and lets its callers go.
func (w *WAL) acknowledge(f *inflight) error {
	w.publish(f.edits, f.name, f.enc.end())
	w.count(f)
	return f.complete(nil)
}

// recycle ends a batch that was performed, and takes its memory back. The lock is held.
func (w *WAL) recycle(f *inflight, err error) error {
	w.closedMark = w.closedMark && len(f.enc.buf) == 0
	w.previous = lastBatch{f.saves, f.took}
	w.spare = f.batch
	w.spare.reset()
	if err != nil {
		w.failPending(err)
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
	if w.sticky.set(err) {
		w.alarm("the log failed and takes no more saves", zap.String("dir", w.dir.Path()), zap.Error(err))
		if failed := w.listener.Failed; failed != nil {
			w.later(event{other: func() { failed(err) }})
		}
	}
	return w.sticky.err()
}

// failPending gives the saves that are not written yet the error that ended the log's life.
func (w *WAL) failPending(err error) {
	w.open.complete(err)
	w.open.reset()
	w.room.Broadcast()
}

// writeBackStep is how much is written without a sync before the device is told to
// take it, in bytes.
const writeBackStep = 1 << 20

// writeBack has the device begin with what a batch that is not synced completed. Else
// all of a segment would wait for the sync at its end, and the save that goes on to the
// next segment for that: 30 ms in place of 2, with segments of 64 MiB.
//
// It promises nothing, and takes nothing back: a crash may leave any part of what was not
// synced, with it or without, and an error of the device is that of the next sync, as the
// kernel's own writing back. No byte of a completed step is written again.
func (f *inflight) writeBack() {
	done := f.enc.at.Off / writeBackStep * writeBackStep
	if end := f.enc.end() / writeBackStep * writeBackStep; end > done {
		f.file.WriteBack(done, end-done)
	}
}
