package wal

import (
	"runtime"
	"time"
)

// lastBatch is what is kept of the batch written last.
type lastBatch struct {
	saves int
	took  time.Duration // of its sync
}

// maxLinger bounds how long a leader waits for saves to gather.
const maxLinger = 100 * time.Microsecond

// linger waits a moment for the callers of the batch just written to be back
// with their next saves. Without it they would find the next batch on its way
// already, and two groups of callers would take turns, each batch holding half
// of them. It ends when as many saves are there as were on their way when
// the last batch was done; a caller that does not come back is not expected the next time.
func (w *WAL) linger() {
	expected := w.previous.saves + w.open.saves
	patience := min(w.previous.took/2, maxLinger)
	lone := expected == 2 // one caller and then one: maybe the same
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

// maxBackoff is how many batches at most are written without waiting after a wait in vain.
const maxBackoff = 64

// lingerBackoff keeps a leader from waiting again and again for company that never comes, as
// behind a caller that appends and waits alone. After each wait in vain, twice as many batches are
// written without one, up to maxBackoff. It belongs to the leader.
type lingerBackoff struct{ left, next int }

// skip reports whether this batch is written without waiting.
func (b *lingerBackoff) skip() bool {
	if b.left == 0 {
		return false
	}
	b.left--
	return true
}

// waited says whether a wait was in vain.
func (b *lingerBackoff) waited(inVain bool) {
	if !inVain {
		*b = lingerBackoff{}
		return
	}
	b.next = min(max(2*b.next, 1), maxBackoff)
	b.left = b.next
}
