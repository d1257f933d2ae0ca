package wal

import (
	"slices"
	"sort"
)

// extentBytes is how much of a segment one extent covers at most. It bounds
// what is read to find one entry, and the memory: an extent takes 48 bytes.
const extentBytes = 64 << 10

// extent is a run of entries that stand one after the other in one segment,
// with no other entry between them.
type extent struct {
	first, next uint64 // the run is [first, next)
	name        segmentName
	off         int64  // of the first one's frame
	crc         uint32 // running checksum before that frame
}

// index finds entries by their index. Its extents ascend and leave no gap.
type index struct {
	extents []extent
	split   bool // the next entry does not continue the last extent's run
}

// add notes that the run of entries [first, next) begins at an offset of a segment, and
// the checksum before it. It replaces all from first on.
func (x *index) add(first, next uint64, name segmentName, off int64, crc uint32) {
	x.truncate(first)
	if n := len(x.extents); n > 0 && !x.split {
		last := &x.extents[n-1]
		if last.next == first && last.name == name && off-last.off < extentBytes {
			last.next = next
			return
		}
	}
	x.extents = append(x.extents, extent{first, next, name, off, crc})
	x.split = false
}

// truncate drops the entries from i on. Their frames stay where they are, so
// what is added next begins a run of its own.
func (x *index) truncate(i uint64) {
	for n := len(x.extents); n > 0; n-- {
		last := &x.extents[n-1]
		if last.next <= i {
			return
		}
		x.split = true
		if last.first < i {
			last.next = i
			return
		}
		x.extents = x.extents[:n-1]
	}
}

// dropBefore forgets what stands in segments before seq.
func (x *index) dropBefore(seq uint64) {
	n := sort.Search(len(x.extents), func(i int) bool { return x.extents[i].name.seq >= seq })
	x.extents = slices.Delete(x.extents, 0, n)
}

// clear forgets all.
func (x *index) clear() { x.extents, x.split = nil, false }

// find returns the extents that hold [lo, hi), cut to it at the upper end. The
// caller has made sure that the index holds all of it.
func (x *index) find(lo, hi uint64) []extent {
	from := sort.Search(len(x.extents), func(i int) bool { return x.extents[i].next > lo })
	to := sort.Search(len(x.extents), func(i int) bool { return x.extents[i].first >= hi })
	found := slices.Clone(x.extents[from:to])
	if n := len(found); n > 0 {
		found[n-1].next = min(found[n-1].next, hi)
	}
	return found
}
