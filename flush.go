package wal

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/vfs"
)

// inflight is a batch that is being written, with the segment that it goes to.
type inflight struct {
	*batch
	file  vfs.File
	name  segmentName
	sync  bool
	began time.Time
	took  time.Duration // duration of the sync
}

// write writes the batch's bytes at their position, with one write.
func (f *inflight) write() error {
	if len(f.enc.buf) == 0 {
		return nil
	}
	_, err := f.file.WriteAt(f.enc.buf, f.enc.at.Off)
	return err
}

// flush writes the open batch and makes it durable, as far as its saves require. The caller leads
// and holds the lock, which is given up during the I/O.
func (w *WAL) flush(began time.Time) error {
	f := w.takeBatch()
	f.began = began
	w.writer.Unlock()
	err := w.perform(f)
	w.writer.Lock()
	w.pipeline.progress(w.tailSegment().seq+1, w.open.enc.at.Off)
	return w.recycle(f, err)
}

// takeBatch takes the open batch for writing, and opens the next one at its end. The next batch is
// written only when this one is done. So if nothing is unsynced then, its first record may be
// flagged SYNCED. The lock is held. That the caller leads is another matter: leadership.take.
func (w *WAL) takeBatch() *inflight {
	f := w.takeBatchFor(w.spare)
	at := frame.Position{Seq: f.name.seq, Off: f.enc.end()}
	w.open.enc.start(at, f.enc.crc, f.enc.trailered, !w.unsynced)
	return f
}

// takeBatchFor takes the open batch for writing, and makes next the open one. The lock is held.
func (w *WAL) takeBatchFor(next *batch) *inflight {
	f := &w.inflight
	tail := w.tailSegment()
	*f = inflight{batch: w.open, file: tail.file, name: tail.segmentName, began: w.now()}
	f.sync = f.batch.sync && (w.unsynced || len(f.enc.buf) > 0)
	w.unsynced = !f.sync && (w.unsynced || len(f.enc.buf) > 0)
	w.open, w.spare, w.delay.over = next, nil, false
	w.room.Broadcast()
	return f
}

// perform does the I/O of a batch, shows it to readers, and completes it. Its caller leads, or
// holds the lock while nobody leads, so batches are written one after the other.
func (w *WAL) perform(f *inflight) error {
	var start time.Time
	if f.sync {
		start = w.opts.clock()
	}
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
		w.zeroPolicy.add(len(f.enc.buf), w.opts.clock().Sub(start))
	} else {
		f.writeBack()
	}
	return w.acknowledge(f)
}

// acknowledge shows a batch to readers, counts it, and completes it. The batch is as durable as its
// saves require.
func (w *WAL) acknowledge(f *inflight) error {
	w.publish(f.edits, f.name, f.enc.end())
	w.count(f)
	return f.complete(nil)
}

// recycle takes back the memory of a batch that was performed, as the spare one, and remembers what
// linger needs of it, and that the log does not end with CLOSED any more if the batch wrote
// anything. If the batch failed with err, the pending batch fails too. It returns err. The lock is
// held.
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

// fail makes the failure of an operation, such as "write", final: every later call gets this error,
// and only a new open recovers. After a failed write or sync it is unknown what is on disk, and a
// later sync that succeeds proves nothing, as the kernel may have dropped the pages. If the log
// failed or was closed before, that error stays. fail returns the error that stays.
func (w *WAL) fail(what string, cause error) error {
	advice := "what was acknowledged is safe: close it, mend the cause, and open it again"
	if d := w.opts.writeDelay; d > 0 {
		advice = fmt.Sprintf("what was acknowledged is safe, but for saves that waited to be written, "+
			"%v at most: close it, mend the cause, and open it again", d)
	}
	if errors.Is(w.dir.Check(), vfs.ErrDeleted) {
		advice = "its directory was deleted, and what was acknowledged is gone with it: " +
			"close it, and put a copy in its place"
	}
	err := fmt.Errorf("%w: %s of the log in %s: %w; %s",
		ErrFailed, what, w.dir.Path(), cause, advice)
	if w.sticky.set(err) {
		w.alarm("the log failed and takes no more saves", zap.String("dir", w.dir.Path()), zap.Error(err))
		if failed := w.listener.Failed; failed != nil {
			w.later(event{other: func() { failed(err) }})
		}
	}
	return w.sticky.err()
}

// failPending completes the open batch, which is never written, with the log's final error. The
// lock is held.
func (w *WAL) failPending(err error) {
	w.open.complete(err)
	w.open.reset()
	w.room.Broadcast()
}

// writeBackStep is how many bytes are written without a sync before the device is told to begin
// writing them.
const writeBackStep = 1 << 20

// writeBack makes the device begin to write the steps that a batch without a sync has completed.
// Otherwise the cut must flush the whole segment at once, and the save that triggers it takes 30 ms
// instead of 2, with segments of 64 MiB.
//
// It promises nothing. With it or without it, a crash may leave any part of what was not synced;
// and an error of the device is reported by the next sync, as for the kernel's own write-back. No
// byte of a completed step is written again.
func (f *inflight) writeBack() {
	done := f.enc.at.Off / writeBackStep * writeBackStep
	if end := f.enc.end() / writeBackStep * writeBackStep; end > done {
		f.file.WriteBack(done, end-done)
	}
}
