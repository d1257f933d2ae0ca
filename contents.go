package wal

import (
	"slices"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/log"
)

// contents is what a log holds, as far as it is durable: what a replay of its records comes to,
// kept up to date by saves. Its users do the locking.
type contents struct {
	metadata  []byte
	state     []byte // encoded; nil: none was ever saved
	snapshot  []byte // encoded, the one saved last; nil: none in the segments read
	snapAt    uint64 // its index
	last      uint64 // last entry or snapshot index: the next entry's is at most one more
	jump      jump
	restored  uint64 // number of the segment in which the log was restored last
	compacted uint64 // the entries up to it are dropped, although the index may hold them
	marks     marks  // the snapshots in the segments read that can still be released
	released  uint64 // index of the newest snapshot that was released
	index     index
	replaced  uint64 // the lowest entry replaced or dropped since it was last looked at; 0: none

	// anchored says that last is certain. It is not if it is known only from the name of a segment,
	// which may be too low if etcd gave it.
	anchored bool
}

// overwrite copies data into the memory of to. The result is never nil, because an empty encoding
// is an encoding, and nil means that there is none.
func overwrite(to, data []byte) []byte {
	return append(slices.Grow(to[:0], 1), data...)
}

// apply takes over what a record in segment n changes. The caller has checked its index.
func (c *contents) apply(x *edit, n segmentName) {
	switch x.typ {
	case log.EntryType:
		c.replace(x.index)
		c.land(x.index)
		c.uncompact(x.index)
		c.index.add(x.index, x.next, n, x.off, x.crc)
		c.last, c.anchored = x.next-1, true
	case log.StateType:
		c.state = overwrite(c.state, x.data)
	case log.SnapshotType:
		c.addSnapshot(x, n.seq)
	case log.CrcType:
		c.control(x, n)
	}
}

// addSnapshot takes over a snapshot that segment seq records. After a snapshot above the last
// index, as a follower receives one, the log goes on at the snapshot's index: a gap then separates
// the entries before it from those to come.
func (c *contents) addSnapshot(x *edit, seq uint64) {
	c.snapshot, c.snapAt = overwrite(c.snapshot, x.data), x.index
	c.marks.add(snapshotMark{codec.SnapshotID{Index: x.index, Term: x.term, Termed: x.termed}, seq})
	c.leap(x.index)
	if x.index > 0 {
		c.anchored = true
	}
}

// truncateBack drops the entries above i.
func (c *contents) truncateBack(i uint64) {
	if i < c.last {
		c.replace(i + 1)
		c.uncompact(i + 1)
		c.index.truncate(i + 1)
		c.last = i
		c.shorten(i)
	}
}

// replace notes that the entries from i on are replaced, if there are any.
func (c *contents) replace(i uint64) {
	if i <= c.last && (c.replaced == 0 || i < c.replaced) {
		c.replaced = i
	}
}

// first returns the lowest index that can be read, and last+1 if there is no entry.
func (c *contents) first() uint64 {
	if i, ok := c.index.first(); ok && !c.jump.pending() {
		return max(i, c.compacted+1)
	}
	return c.last + 1
}

// lowest returns the lowest entry that is there, even if a pending jump hides it. ok is false if
// there is none.
func (c *contents) lowest() (i uint64, ok bool) {
	last := c.last
	if c.jump.pending() {
		last = c.jump.from
	}
	i, ok = c.index.first()
	i = max(i, c.compacted+1)
	return i, ok && i <= last
}

// dropBefore forgets the entries and snapshots in segments before seq.
func (c *contents) dropBefore(seq uint64) {
	c.index.dropBefore(seq)
	c.marks.dropBefore(seq)
}
