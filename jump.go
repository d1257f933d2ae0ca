package wal

import (
	"math"
	"slices"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/log"
)

// Jumps
//
// A snapshot above the last index, as a follower receives it, lets the log go on behind it. Until
// then nothing says that the entries before it are no longer of use: a crash can come between the
// snapshot and the state that commits it, and the state machine then starts at its older snapshot
// and needs the entries behind that one. So a jump is pending at first:
//
//	          snapshot above last               entry behind the gap, Compact, Restore
//	(none) ───────────────────────▶ pending ─────────────────────────────────────▶ (none), old entries gone
//	                                   │ entry or truncation at or below from+1
//	                                   └────────────────────────────────────────▶ (none), old entries go on
//
// While it is pending the old entries are not shown, because the log is one row of entries, but
// they stay in the index. A log that is opened at an older snapshot shows them, and goes on there,
// unless the state says that the snapshot of the jump is committed.

// jump is the jumps that are pending, or none.
type jump struct {
	from uint64   // the last index before them
	to   []uint64 // the indexes of their snapshots, ascending
}

func (j *jump) pending() bool { return len(j.to) > 0 }

// leap has the log go on behind index i, if that is above the last one.
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

// land ends pending jumps, because entry i comes.
func (c *contents) land(i uint64) {
	if c.jump.pending() && i > c.jump.from+1 {
		c.index.clear()
	}
	c.jump = jump{}
}

// shorten takes pending jumps back that led above index i, which is the last one now.
func (c *contents) shorten(i uint64) {
	switch j := &c.jump; {
	case !j.pending():
	case i <= j.from:
		*j = jump{}
	default:
		j.to = slices.DeleteFunc(slices.Clone(j.to), func(to uint64) bool { return to >= i })
		j.to = append(j.to, i)
	}
}

// stay has the log not go back behind index i: pending jumps from there or below are final.
func (c *contents) stay(i uint64) {
	if !c.jump.pending() || i < c.jump.from {
		return
	}
	c.index.clear()
	above := slices.DeleteFunc(slices.Clone(c.jump.to), func(to uint64) bool { return to <= i })
	if c.jump = (jump{}); len(above) > 0 {
		c.jump = jump{from: i, to: above}
	}
}

// goesOnAt returns the last index of a log that is opened at a snapshot that it records. ok is
// false where the log is not all there from the snapshot on. Pending jumps above the snapshot are
// taken back if the log then ends at it, or the entries behind it follow, unless the state says
// that a later snapshot is committed. A snapshot in a gap does neither: it was recorded late,
// and no entry could be saved behind it.
func (c *contents) goesOnAt(snapshot, committed uint64) (last uint64, ok bool) {
	if c.last <= snapshot || c.first() <= snapshot+1 {
		return c.last, true
	}
	if !c.jump.pending() {
		return 0, false
	}
	last = c.jump.from
	for _, to := range c.jump.to {
		switch {
		case to <= snapshot:
			last = to
		case to <= committed:
			return 0, false
		}
	}
	if last == snapshot {
		return last, true
	}
	first, ok := c.lowest()
	return last, ok && first <= snapshot+1 && snapshot < last
}

// takeBack takes the pending jumps above index last back.
func (c *contents) takeBack(last uint64) {
	c.last = last
	c.shorten(last)
}

// committedIn returns up to which index the snapshots of a log count as committed. Where no state
// was ever saved, that is all that was saved.
func committedIn(reg *log.Registry, state []byte) (uint64, error) {
	if state == nil {
		return math.MaxUint64, nil
	}
	_, i, err := codec.DecodeState(reg, state)
	return i, err
}
