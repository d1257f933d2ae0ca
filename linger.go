package wal

import (
	"runtime"
	"time"
)

// lastBatch is what is remembered of the batch written last.
type lastBatch struct {
	saves int
	took  time.Duration // duration of its sync
}

// maxLinger bounds how long a leader lingers for one batch.
const maxLinger = 100 * time.Microsecond

// linger waits a moment until the callers of the last batch are back with their next saves. Without
// it their saves would come when the next batch is already being written: two groups of callers
// would take turns, and each batch would hold only half of the saves.
//
// It waits for as many saves as were under way when the last batch was done: those that came while
// that batch was written, which are in the open batch already, and those of the batch itself, whose
// callers may be back. The wait also ends after half the time that the last sync took, after
// maxLinger, and when a caller waits for exclusive use. A caller that does not come back is not
// expected for the next batch.
//
// The caller leads and holds the lock, which is given up while waiting.
func (w *WAL) linger() {
	expected := w.previous.saves + w.open.saves
	patience := min(w.previous.took/2, maxLinger)
	lone := expected == 2 // the two saves may be of one caller, one after the other
	if expected < 2 || patience == 0 || lone && w.backoff.skip() {
		return
	}
	began := time.Now()
	for w.open.saves < expected && !w.leader.mustResign() && time.Since(began) < patience {
		w.writer.Unlock()
		runtime.Gosched()
		w.writer.Lock()
	}
	if lone {
		w.backoff.waited(w.open.saves < expected)
	}
}

// maxBackoff is how many batches at most are written without lingering after a wait in vain.
const maxBackoff = 64

// lingerBackoff keeps a leader from lingering again and again for a second caller that does not
// exist, as when one caller appends a save and then waits for it. After each wait in vain, twice as
// many batches as after the last one are written without lingering, up to maxBackoff. It belongs to
// the leader.
type lingerBackoff struct{ left, next int }

// skip reports whether this batch is written without lingering, and counts it.
func (b *lingerBackoff) skip() bool {
	if b.left == 0 {
		return false
	}
	b.left--
	return true
}

// waited records the outcome of a wait: inVain if the expected saves did not come.
func (b *lingerBackoff) waited(inVain bool) {
	if !inVain {
		*b = lingerBackoff{}
		return
	}
	b.next = min(max(2*b.next, 1), maxBackoff)
	b.left = b.next
}
