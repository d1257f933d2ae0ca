package wal

import (
	"errors"
	"fmt"
	"runtime"
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
	w.idle.Broadcast() // there is room in the open batch
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
	w.publish(f.batch, f.name)
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

// handOver ends the caller's leading. If there is more to write, a goroutine
// leads on: a caller whose own save is durable has better to do.
func (w *WAL) handOver() {
	if w.wanted == 0 && w.life.err() == nil && (w.open.pending() || w.flying.saves > 1) {
		go w.lead()
		return
	}
	w.stopLeading()
}

// stopLeading ends the leading. If the log's life is over, be it by somebody who
// does not lead, nobody will write what is pending, and its callers are told.
func (w *WAL) stopLeading() {
	if err := w.life.err(); err != nil {
		w.abandon(err)
	}
	w.leading = false
	w.idle.Broadcast()
}

// lead flushes batch after batch, as long as there is one.
func (w *WAL) lead() {
	w.writer.Lock()
	for w.wanted == 0 {
		w.gather()
		if !w.open.pending() || w.life.err() != nil {
			break
		}
		w.flush(w.now())
		if w.waiting.Load() {
			w.writer.Unlock()
			w.tellAside()
			w.writer.Lock()
		}
	}
	w.stopLeading()
	w.writer.Unlock()
}

// maxGather bounds how long a leader waits for saves to gather.
const maxGather = 100 * time.Microsecond

// gather waits a moment for the callers of the batch just written to be back
// with their next saves. Without it they would find the next batch on its way
// already, and two groups of callers would take turns, each batch holding half
// of them. It ends when as many saves are there as were on their way when
// the last batch was done; a caller that does not come back is not expected the next time.
func (w *WAL) gather() {
	last := &w.flying
	expected := last.saves + w.open.saves
	patience := min(last.took/2, maxGather)
	lone := expected == 2 // one caller and then one: maybe the same
	if expected < 2 || patience == 0 || lone && w.vain.skip() {
		return
	}
	began := time.Now()
	for w.open.saves < expected && w.wanted == 0 && time.Since(began) < patience {
		w.writer.Unlock()
		runtime.Gosched()
		w.writer.Lock()
	}
	if lone {
		w.vain.waited(w.open.saves < expected)
	}
}

// maxVain is how many batches at most go by without waiting after a wait in vain.
const maxVain = 64

// vain keeps a leader from waiting again and again for company that never comes, as behind a
// caller who appends and waits alone. After each wait in vain, twice as many batches go by
// without one, up to maxVain. It belongs to the leader.
type vain struct{ left, next int }

// skip tells whether this batch goes by without waiting.
func (v *vain) skip() bool {
	if v.left == 0 {
		return false
	}
	v.left--
	return true
}

// waited says whether a wait was in vain.
func (v *vain) waited(inVain bool) {
	if !inVain {
		*v = vain{}
		return
	}
	v.next = min(max(2*v.next, 1), maxVain)
	v.left = v.next
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
	w.idle.Broadcast()
}
