package wal

import "time"

// With WithWriteDelay, a save of entries or of a state returns once it is encoded. What stands in
// the open batch is then written when the first of these happens:
//
//   - The timer fires that the first save of the batch has started.
//   - The batch holds delayedBytes; the save that fills it writes it.
//   - A call waits for the batch, or needs the file: each other call that saves, and Sync, Close,
//     Release and so on do what they do without the option.
//
// So the rule of leader.go has one case more: when the lock is free, a pending batch has a leader,
// a caller that waits for exclusive use, or a timer. What is written is the same bytes in the same
// order, only with fewer writes: a crash of the process leaves the log as of some moment in the
// last d, with whole saves, as a crash between two writes does.

// delayedBytes is how many bytes a batch may hold before it is written without waiting for the
// timer.
const delayedBytes = 64 << 10

// delay is the state of the timer. The writer's lock guards it.
type delay struct {
	timer *time.Timer
	over  bool // the timer has fired, or the save that fills the batch is about to write it
}

// due reports whether the open batch is to be written now. The lock is held.
func (w *WAL) due() bool {
	b := w.open
	return b.pending() && (w.opts.writeDelay == 0 || w.delay.over || b.sync || b.waiters != nil)
}

// delays reports whether a save that is in the open batch may return now, and sees to it that the
// batch is written later. The lock is held.
func (w *WAL) delays(s *save) bool {
	if w.opts.writeDelay == 0 || s.control.kind != 0 || s.snap != nil {
		return false
	}
	if len(w.open.enc.buf) >= delayedBytes {
		w.delay.over = true
	}
	if w.due() {
		return false
	}
	if w.open.saves == 1 {
		w.startDelay()
	}
	return true
}

// startDelay starts the timer of the open batch. The lock is held.
func (w *WAL) startDelay() {
	if w.delay.timer == nil {
		w.delay.timer = time.AfterFunc(w.opts.writeDelay, w.endDelay)
		return
	}
	w.delay.timer.Reset(w.opts.writeDelay)
}

// endDelay has the open batch written. The timer calls it in a goroutine of its own. If it fires
// late, after the batch that it was started for was written, the next batch is written early.
func (w *WAL) endDelay() {
	w.writer.Lock()
	defer w.writer.Unlock()
	if w.sticky.err() != nil {
		return
	}
	w.delay.over = w.open.pending()
	if w.due() && w.leader.take() {
		go w.lead()
	}
}

// stopDelay stops the timer, because the log is closed. The lock is held.
func (w *WAL) stopDelay() {
	if w.delay.timer != nil {
		w.delay.timer.Stop()
	}
}
