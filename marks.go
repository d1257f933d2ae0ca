package wal

import (
	"slices"
)

// snapshotMark notes that a segment records a snapshot.
type snapshotMark struct {
	snapshotID
	seq uint64
}

// addMark notes a snapshot. Of the same one, recorded several times in a row, the last record
// counts.
func (c *contents) addMark(m snapshotMark) {
	if n := len(c.marks); n > 0 && c.marks[n-1].is(m.snapshotID) && c.marks[n-1].termed == m.termed {
		c.marks[n-1] = m
		return
	}
	c.marks = append(c.marks, m)
}

// dropMarks forgets snapshots.
func (c *contents) dropMarks(gone func(snapshotMark) bool) {
	c.marks = slices.DeleteFunc(c.marks, gone)
}

// findMark returns the mark of the last record of a snapshot. known is false when none has its
// index; then, or when the terms differ, ok is false.
func (c *contents) findMark(want snapshotID) (m snapshotMark, known, ok bool) {
	for _, m := range slices.Backward(c.marks) {
		if m.is(want) {
			return m, true, true
		}
		known = known || m.index == want.index
	}
	return snapshotMark{}, known, false
}

// lowestMark returns the lowest index and the lowest segment of all marks. ok is false if there is
// none.
func (c *contents) lowestMark() (m snapshotMark, ok bool) {
	for i, n := range c.marks {
		if i == 0 {
			m = n
		}
		m.index, m.seq = min(m.index, n.index), min(m.seq, n.seq)
	}
	return m, len(c.marks) > 0
}
