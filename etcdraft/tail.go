package etcdraft

import (
	"slices"

	"go.etcd.io/raft/v3/raftpb"
)

// entryCost is about how many bytes an entry takes in memory besides its data.
const entryCost = 160

// tail holds the newest entries decoded, as many as its limit allows. It is a cache: the log has
// all of them. Slices of it are handed out, so no element of its array is written twice.
type tail struct {
	ents  []*raftpb.Entry // without a gap
	next  uint64          // the index behind the last one
	bytes int             // what they cost
	gone  int             // what those cost that were dropped, and that the array still holds
	limit int
}

// first returns the index of the first entry that it holds.
func (t *tail) first() uint64 { return t.next - uint64(len(t.ents)) }

// reset empties the tail. The next entry has the given index.
func (t *tail) reset(next uint64) { *t = tail{next: next, limit: t.limit} }

// cost returns what an entry counts.
func cost(e *raftpb.Entry) int { return entryCost + len(e.GetData()) }

// add takes in entries, the first of which replaces the one with its index and all after it.
func (t *tail) add(ents []*raftpb.Entry) {
	i := ents[0].GetIndex()
	switch {
	case i > t.next || i <= t.first():
		t.reset(i)
	case i < t.next:
		keep := len(t.ents) - int(t.next-i)
		for _, e := range t.ents[keep:] {
			t.bytes -= cost(e)
		}
		t.ents, t.gone = t.ents[:keep:keep], 0 // append copies: others may still read what follows
	}
	for _, e := range ents {
		t.bytes += cost(e)
	}
	t.ents = append(t.ents, ents...)
	t.next = i + uint64(len(ents))
	n := 0
	for over := t.bytes - t.limit; over > 0 && n < len(t.ents); n++ {
		over -= cost(t.ents[n])
	}
	t.drop(n)
}

// drop drops the first n entries. The array holds on to them, and may have room for many more that
// would be dropped in turn. So there is a new one once they have come to as much as the tail may
// hold.
func (t *tail) drop(n int) {
	for _, e := range t.ents[:n] {
		t.bytes -= cost(e)
		t.gone += cost(e)
	}
	if t.ents = t.ents[n:]; t.gone > t.limit {
		t.ents, t.gone = slices.Clone(t.ents), 0
	}
}

// compact drops the entries up to i.
func (t *tail) compact(i uint64) {
	if first := t.first(); first <= i {
		t.drop(int(min(i+1-first, uint64(len(t.ents)))))
	}
}

// from returns the entries [lo, hi) that it holds. lo is not below its first entry.
func (t *tail) from(lo, hi uint64) []*raftpb.Entry {
	first := t.first()
	return t.ents[lo-first : hi-first : hi-first]
}
