package wal

import (
	"fmt"

	"github.com/seed449c39bc/wal/internal/frame"
)

// Restoring and compacting
//
// Each is one control record, which drops entries without touching what is written. A crash leaves
// the log as it is before the record or after it, because the record is a save or a part of one.
//
// RESTORE(i) drops everything before it. The snapshot at i, the state and the entries after i are
// in the same save: its COMMIT makes all of it valid, and without that nothing of it is.
//
// COMPACT(i) drops the entries up to i that stand before it. An entry that is saved after it is not
// dropped, even with such an index. So the segments after the one with the record need not repeat
// it: they hold nothing that it dropped. The segment with the record is deleted, like any other,
// only after all segments before it. So as long as an entry that the record dropped is there, the
// record is there too.
//
// COMPACT also drops the entries that a pending jump hides, and so makes a jump over all of them
// final. A crash before the record leaves a log that opens at the older snapshot, with the entries
// after that one. After the record nothing up to i is needed, as the caller has said, so the
// snapshot at i counts as committed. Otherwise a follower that received it, and dies before it has
// saved the state that commits it, would find no snapshot at all.

// control is a control record with an index. Kind 0 stands for none.
type control struct {
	kind  byte
	index uint64
}

// lastAfter returns the last index after the record, given the one before it.
func (c control) lastAfter(last uint64) uint64 {
	switch c.kind {
	case frame.ControlTruncate:
		return min(last, c.index)
	case frame.ControlRestore:
		return c.index
	}
	return last
}

// checkEntry returns an error if entry i may not stand in the save of the record.
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

// restore drops everything, and makes the log go on after index i. n is the segment of the record.
func (c *contents) restore(i uint64, n segmentName) {
	c.replace(min(c.first(), i+1))
	c.index.clear()
	c.marks, c.released, c.jump, c.compacted = marks{}, 0, jump{}, 0
	c.snapshot, c.snapAt = nil, 0
	c.last, c.anchored = i, true
	c.restored = n.seq
}

// dropUpTo drops the entries up to i, including those that a pending jump hides, and the snapshots
// before i, at which the log no longer opens.
func (c *contents) dropUpTo(i uint64) {
	i = min(i, c.last)
	c.compacted = max(c.compacted, i)
	c.settle(i)
	c.marks.dropBelow(i)
	if c.snapAt < i {
		c.snapshot, c.snapAt = nil, 0
	}
}

// lacksUpTo reports whether dropUpTo(i) would change nothing.
func (c *contents) lacksUpTo(i uint64) bool {
	m, ok := c.marks.lowest()
	return i <= c.compacted && (!ok || m.Index >= i) && (c.snapshot == nil || c.snapAt >= i)
}

// uncompact ends the compaction of the entries from i on, because entry i is saved over what was
// dropped, or because they are truncated.
func (c *contents) uncompact(i uint64) { c.compacted = min(c.compacted, i-1) }
