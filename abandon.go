package wal

// Abandon ends the use of the log as the death of the process would: what is pending is not
// written, nothing is synced or marked as closed, and a file that is being prepared stays where it
// is. Only what a dead process cannot keep either is given up: its locks, its files, its
// goroutines. It is for tests of programs that embed the log; docs/TESTING.md shows how.
//
// A save that is being written when Abandon is called is waited for, and may return nil; every
// other one that has not returned gets [ErrClosed], and so does every later call. A save that
// has returned nil is found by the next Open, as after a crash of the process, also if it was not
// synced. Nothing is written after Abandon has returned. After Close it does nothing, and a Close
// after it returns nil.
func (w *WAL) Abandon() {
	w.closing.Lock()
	defer w.closing.Unlock()
	w.leaving.Store(true)
	w.life.end(ErrClosed) // from here on nobody begins to lead
	w.purging.Lock()
	defer w.purging.Unlock()
	w.writer.Lock()
	defer w.writer.Unlock()
	if w.closed {
		return
	}
	w.closed = true
	w.leader.awaitVacant()
	w.abandon(ErrClosed)
	w.pipeline.abandon()
	closeAll(w.segments)
	w.leave()
}
