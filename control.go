package wal

import (
	"fmt"

	"github.com/seed449c39bc/wal/internal/frame"
)

// Restoring and compacting
//
// Both are one control record, which drops entries without touching what is written. A crash leaves
// the log before the record or behind it, because the record is a save or a part of one.
//
// RESTORE(i) drops everything before it. The snapshot at i, the state and the entries behind i are
// in the same save: the COMMIT on the last of them makes all of it valid, or nothing.
//
// COMPACT(i) drops the entries up to i. What is saved behind it is not dropped by it, also where it
// has such an index. So a segment behind the one with the record need not say anything of it: it
// holds nothing that the record dropped. The segment with the record goes, like any other, after
// all before it, oldest first: as long as there is an entry that it dropped, it is there too.
//
// It drops the entries that a pending jump hides as well, and so it makes a jump over all of them
// final. Before the record, a crash leaves the log that opens at the older snapshot, with the
// entries behind that one. After it, nothing up to i is needed, by the word of the caller, so the
// snapshot at i counts as committed: otherwise a follower that received it, and dies before it has
// saved the state that commits it, would find no snapshot at all.

// control is a control record with an index. Kind 0 is none.
type control struct {
	kind  byte
	index uint64
}

// lastAfter returns the last index behind the record, given the one before it.
func (c control) lastAfter(last uint64) uint64 {
	switch c.kind {
	case frame.ControlTruncate:
		return min(last, c.index)
	case frame.ControlRestore:
		return c.index
	}
	return last
}

// checkEntry reports whether entry i may stand in the save of the record.
func (c control) checkEntry(i uint64) error {
	if c.kind == frame.ControlRestore && i <= c.index {
		return fmt.Errorf("%w: entry %d with the snapshot at %d; leave out the entries that it covers",
			ErrInvalidArgument, i, c.index)
	}
	return nil
}

// control takes over what a control record in segment n changes.
func (c *contents) control(x *edit, n segmentName) {
	switch x.control {
	case frame.ControlTruncate:
		c.truncateBack(x.index)
	case frame.ControlRestore:
		c.restore(x.index, n)
	case frame.ControlCompact:
		c.dropUpTo(x.index)
	}
}

// restore drops everything, and has the log go on behind index i.
func (c *contents) restore(i uint64, n segmentName) {
	c.replace(min(c.first(), i+1))
	c.index.clear()
	c.marks, c.released, c.jump, c.compacted = nil, 0, jump{}, 0
	c.snapshot, c.snapAt = nil, 0
	c.last, c.anchored = i, true
	c.restored = n.seq
}

// dropUpTo drops the entries up to i, also those that a pending jump hides, and the snapshots
// before i, at which the log no longer opens.
func (c *contents) dropUpTo(i uint64) {
	i = min(i, c.last)
	c.compacted = max(c.compacted, i)
	c.stay(i)
	c.dropMarks(func(m snapshotMark) bool { return m.Index < i })
	if c.snapAt < i {
		c.snapshot, c.snapAt = nil, 0
	}
}

// lacksUpTo reports whether dropUpTo(i) would change nothing.
func (c *contents) lacksUpTo(i uint64) bool {
	m, ok := c.lowestMark()
	return i <= c.compacted && (!ok || m.Index >= i) && (c.snapshot == nil || c.snapAt >= i)
}

// uncompact has entry i not count as dropped by a compaction: it is saved over what was.
func (c *contents) uncompact(i uint64) { c.compacted = min(c.compacted, i-1) }
