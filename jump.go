package wal

import (
	"math"
	"slices"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/log"
)

// Jumps
//
// A snapshot above the last index, such as a follower receives, makes the log go on after it. But
// the snapshot alone does not say that the entries before it are no longer needed: if a crash comes
// between the snapshot and the state that commits it, the state machine starts at its older
// snapshot and needs the entries after that one. So a jump is pending at first:
//
//	       snapshot above last           entry after the gap, Compact, Restore
//	(none) ─────────────────────▶ pending ────────────────────────────────▶ (none), old entries gone
//	                                │ entry or truncation at or below from+1
//	                                └─────────────────────────────────────▶ (none), old entries go on
//
// While a jump is pending, the old entries stay in the index, but they are not shown, because the
// log is one row of entries. A log that is opened at an older snapshot shows them, and goes on
// after them, unless the state says that the snapshot of the jump is committed.

// jump holds the jumps that are pending, or none.
type jump struct {
	from uint64   // the last index before them
	to   []uint64 // the indexes of their snapshots, ascending
}

// pending reports whether a jump is pending.
func (j *jump) pending() bool { return len(j.to) > 0 }

// upTo returns how many of the pending jumps lead to index i or below.
func (j *jump) upTo(i uint64) int {
	n, is := slices.BinarySearch(j.to, i)
	if is {
		n++
	}
	return n
}

// leap makes the log go on after index i, if that is above the last one.
func (c *contents) leap(i uint64) {
	if i <= c.last {
		return
	}
	if !c.jump.pending() {
		c.jump.from = c.last
	}
	c.jump.to = append(c.jump.to, i)
	c.last = i
}

// land ends the pending jumps because entry i comes. If i is more than one above the last index
// before them, the old entries are gone.
func (c *contents) land(i uint64) {
	if c.jump.pending() && i > c.jump.from+1 {
		c.index.clear()
	}
	c.jump = jump{}
}

// shorten takes back the pending jumps that led above index i, which is the last one now.
func (c *contents) shorten(i uint64) {
	switch j := &c.jump; {
	case !j.pending():
	case i <= j.from:
		*j = jump{}
	default:
		n, _ := slices.BinarySearch(j.to, i)
		j.to = append(j.to[:n], i)
	}
}

// settle makes the pending jumps final that lead to index i or below: the entries before them are
// gone, and the log does not go back to below i any more. If i is below the last index before the
// jumps, it does nothing.
func (c *contents) settle(i uint64) {
	if !c.jump.pending() || i < c.jump.from {
		return
	}
	c.index.clear()
	above := c.jump.to[c.jump.upTo(i):]
	if c.jump = (jump{}); len(above) > 0 {
		c.jump = jump{from: i, to: above}
	}
}

// goesOnAt returns the last index that a log has if it is opened at a snapshot that it records. ok
// is false if the log does not hold all entries after the snapshot. Pending jumps above the
// snapshot count as taken back if the log then ends at the snapshot, or the entries then follow it,
// unless the state says that a later snapshot is committed. If the snapshot is inside a gap, the
// log neither ends at it nor has entries that follow it: it was recorded late, and no entry could
// be saved after it.
func (c *contents) goesOnAt(snapshot, committed uint64) (last uint64, ok bool) {
	if c.last <= snapshot || c.first() <= snapshot+1 {
		return c.last, true
	}
	if !c.jump.pending() {
		return 0, false
	}
	n := c.jump.upTo(snapshot)
	if above := c.jump.to[n:]; len(above) > 0 && above[0] <= committed {
		return 0, false
	}
	if last = c.jump.from; n > 0 {
		last = c.jump.to[n-1]
	}
	if last == snapshot {
		return last, true
	}
	first, ok := c.lowest()
	return last, ok && first <= snapshot+1 && snapshot < last
}

// takeBack takes back the pending jumps above index last.
func (c *contents) takeBack(last uint64) {
	c.last = last
	c.shorten(last)
}

// committedIn returns the index up to which the snapshots of a log count as committed. If no state
// was ever saved, all of them do.
func committedIn(reg *log.Registry, state []byte) (uint64, error) {
	if state == nil {
		return math.MaxUint64, nil
	}
	_, i, err := codec.DecodeState(reg, state)
	return i, err
}
