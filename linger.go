package wal

import (
	"runtime"
	"time"
)

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
	for w.open.saves < expected && !w.leader.mustResign() && time.Since(began) < patience {
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
