package wal

import (
	"cmp"
	"slices"

	"github.com/seed449c39bc/wal/internal/codec"
)

// snapshotMark says that segment seq records a snapshot.
type snapshotMark struct {
	codec.SnapshotID
	seq uint64
}

// marks are the snapshots in the segments read that can still be released. A log can keep any
// number of them, and asks about them at each Release and Compact. So nothing here looks at all of
// them, unless a snapshot comes out of order: that moves those above it.
type marks struct {
	byID      []snapshotMark // each snapshot once, ascending as compareIDs says
	bySegment []markCount    // ascending; the first one counts at least one mark
}

// markCount is how many marks name a segment.
type markCount struct {
	seq   uint64
	count int
}

// compareIDs orders snapshots by index, then by term. Those without a term come first.
func compareIDs(a, b codec.SnapshotID) int {
	if a.Index == b.Index && a.Termed != b.Termed {
		if a.Termed {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Term, b.Term))
}

// search returns the position of the mark of exactly this snapshot, or where it would stand.
func (ms *marks) search(id codec.SnapshotID) (i int, found bool) {
	return slices.BinarySearchFunc(ms.byID, id, func(m snapshotMark, id codec.SnapshotID) int {
		return compareIDs(m.SnapshotID, id)
	})
}

// add adds the mark of a snapshot. If it is recorded several times, the last record counts.
func (ms *marks) add(m snapshotMark) {
	i, found := ms.search(m.SnapshotID)
	if found {
		ms.count(ms.byID[i].seq, -1)
		ms.byID[i] = m
	} else {
		ms.byID = slices.Insert(ms.byID, i, m)
	}
	ms.count(m.seq, 1)
}

// count adds n to the number of marks that name segment seq.
func (ms *marks) count(seq uint64, n int) {
	i, found := slices.BinarySearchFunc(ms.bySegment, seq, func(c markCount, seq uint64) int {
		return cmp.Compare(c.seq, seq)
	})
	if !found {
		ms.bySegment = slices.Insert(ms.bySegment, i, markCount{seq: seq})
	}
	ms.bySegment[i].count += n
	none := 0
	for none < len(ms.bySegment) && ms.bySegment[none].count == 0 {
		none++
	}
	ms.bySegment = dropFront(ms.bySegment, none)
}

// dropBelow forgets the snapshots below index.
func (ms *marks) dropBelow(index uint64) {
	n, _ := ms.search(codec.SnapshotID{Index: index})
	for _, m := range ms.byID[:n] {
		ms.count(m.seq, -1)
	}
	ms.byID = dropFront(ms.byID, n)
}

// dropBefore forgets the snapshots that segments before seq record. It looks at all marks only if
// there is one to forget.
func (ms *marks) dropBefore(seq uint64) {
	if len(ms.bySegment) == 0 || ms.bySegment[0].seq >= seq {
		return
	}
	ms.byID = slices.DeleteFunc(ms.byID, func(m snapshotMark) bool {
		if m.seq < seq {
			ms.count(m.seq, -1)
		}
		return m.seq < seq
	})
}

// find returns the mark of the last record of a snapshot. known is false if no snapshot with its
// index is recorded. ok is false then, and also if the terms differ.
func (ms *marks) find(want codec.SnapshotID) (m snapshotMark, known, ok bool) {
	take := func(n snapshotMark) {
		if !ok || n.seq >= m.seq {
			m, ok = n, true
		}
	}
	from, _ := ms.search(codec.SnapshotID{Index: want.Index})
	for _, n := range ms.byID[from:] {
		if n.Index != want.Index {
			break
		}
		known = true
		if want.Termed && n.Termed {
			break // the one with the wanted term, if there is one, is found by it
		}
		take(n)
	}
	if i, found := ms.search(want); found {
		take(ms.byID[i])
	}
	return m, known, ok
}

// lowest returns the lowest index and the lowest segment of all marks, which need not be those of
// one mark. ok is false if there is none.
func (ms *marks) lowest() (m snapshotMark, ok bool) {
	if len(ms.byID) == 0 {
		return m, false
	}
	m = ms.byID[0]
	m.seq = ms.bySegment[0].seq
	return m, true
}
