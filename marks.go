package wal

import (
	"slices"

	"github.com/seed449c39bc/wal/internal/codec"
)

// snapshotMark says that segment seq records a snapshot.
type snapshotMark struct {
	codec.SnapshotID
	seq uint64
}

// addMark adds the mark of a snapshot. If the same snapshot is recorded several times in a row,
// only the last record counts.
func (c *contents) addMark(m snapshotMark) {
	if n := len(c.marks); n > 0 && c.marks[n-1].Is(m.SnapshotID) && c.marks[n-1].Termed == m.Termed {
		c.marks[n-1] = m
		return
	}
	c.marks = append(c.marks, m)
}

// dropMarks forgets the snapshots for which gone returns true.
func (c *contents) dropMarks(gone func(snapshotMark) bool) {
	c.marks = slices.DeleteFunc(c.marks, gone)
}

// findMark returns the mark of the last record of a snapshot. known is false if no snapshot with
// its index is recorded. ok is false then, and also if the terms differ.
func (c *contents) findMark(want codec.SnapshotID) (m snapshotMark, known, ok bool) {
	for _, m := range slices.Backward(c.marks) {
		if m.Is(want) {
			return m, true, true
		}
		known = known || m.Index == want.Index
	}
	return snapshotMark{}, known, false
}

// lowestMark returns the lowest index and the lowest segment of all marks, which need not be those
// of one mark. ok is false if there is none.
func (c *contents) lowestMark() (m snapshotMark, ok bool) {
	for i, n := range c.marks {
		if i == 0 {
			m = n
		}
		m.Index, m.seq = min(m.Index, n.Index), min(m.seq, n.seq)
	}
	return m, len(c.marks) > 0
}
