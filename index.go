package wal

import (
	"math"
	"slices"
	"sort"
)

const (
	// pointSpacing is how far apart the points of a run are, in bytes of the segment. It
	// bounds what is read to find one entry.
	pointSpacing = 2 << 10
	// chunkPoints is how many points stand together in memory, and in one extent.
	chunkPoints = 64
)

// extent is a part of a segment with the entries [first, next) one after the other, and
// no other entry between them.
type extent struct {
	first, next uint64
	name        segmentName
	off         int64  // of the first one's frame
	crc         uint32 // running checksum before that frame
}

// point says where one entry of a run stands. It takes 12 bytes; with one for
// every pointSpacing bytes the index is below 1 % of the log.
type point struct {
	index uint32 // behind the run's first one
	words uint32 // of 8 bytes, behind the run's first frame
	crc   uint32 // running checksum before the frame
}

// run is what an extent is, in the index: as long as it can be, with the points in it.
type run struct {
	first, next uint64
	name        segmentName
	off         int64   // of the first one's frame
	chunks      []chunk // ascending; the first point is the first entry's
}

// chunk is some points in a row, at least one.
type chunk struct {
	index  uint32 // of the first one: so finding a chunk does not touch the points of all
	points []point
}

// index finds entries by their index. Its runs ascend and leave no gap. Adding
// an entry copies at most a chunk: it is on the way of every save.
type index struct {
	runs  []run
	split bool // the next entry does not continue the last run
}

// first is the lowest index that can be found.
func (x *index) first() (i uint64, ok bool) {
	if len(x.runs) == 0 {
		return 0, false
	}
	return x.runs[0].first, true
}

// add notes that the run of entries [first, next), no longer than pointSpacing, begins at
// an offset of a segment, and the checksum before it. It replaces all from first on.
func (x *index) add(first, next uint64, name segmentName, off int64, crc uint32) {
	x.truncate(first)
	if n := len(x.runs); n > 0 && !x.split {
		last := &x.runs[n-1]
		if last.next == first && last.name == name && last.add(next-first, off, crc) {
			return
		}
	}
	x.runs = append(x.runs, run{first: first, next: first, name: name, off: off})
	x.runs[len(x.runs)-1].add(next-first, off, crc)
	x.split = false
}

// add appends count entries to the run. It returns false if they are so far from the
// first one that a point cannot tell where they stand: they take a run of their own.
func (r *run) add(count uint64, off int64, crc uint32) bool {
	index, words := r.next-r.first, (off-r.off)/wordSize
	if index > math.MaxUint32 || words > math.MaxUint32 {
		return false
	}
	r.next += count
	n := len(r.chunks)
	if n > 0 {
		points := r.chunks[n-1].points
		if words-int64(points[len(points)-1].words) < pointSpacing/wordSize {
			return true
		}
	}
	if n == 0 || len(r.chunks[n-1].points) == chunkPoints {
		r.chunks = append(r.chunks, chunk{index: uint32(index)})
		n++
	}
	last := &r.chunks[n-1]
	last.points = append(last.points, point{uint32(index), uint32(words), crc})
	return true
}

// truncate drops the entries from i on. Their frames stay where they are, so
// what is added next begins a run of its own.
func (x *index) truncate(i uint64) {
	for n := len(x.runs); n > 0; n-- {
		last := &x.runs[n-1]
		if last.next <= i {
			return
		}
		x.split = true
		if last.first < i {
			last.truncate(i)
			return
		}
		*last = run{}
		x.runs = x.runs[:n-1]
	}
}

// truncate drops the entries from i on, of which the first one is none.
func (r *run) truncate(i uint64) {
	r.next = i
	c, p := r.seek(i - 1)
	clear(r.chunks[c+1:])
	r.chunks = r.chunks[:c+1]
	r.chunks[c].points = r.chunks[c].points[:p+1]
}

// seek returns the last point at or before entry i, which the run holds: its chunk, and its place there.
func (r *run) seek(i uint64) (chunk, p int) {
	index := uint32(i - r.first)
	chunk = sort.Search(len(r.chunks), func(c int) bool { return r.chunks[c].index > index }) - 1
	points := r.chunks[chunk].points
	return chunk, sort.Search(len(points), func(p int) bool { return points[p].index > index }) - 1
}

// from is the rest of the run from a point on.
func (r *run) from(p point) extent {
	return extent{r.first + uint64(p.index), r.next, r.name, r.off + int64(p.words)*wordSize, p.crc}
}

// dropBefore forgets what stands in segments before seq.
func (x *index) dropBefore(seq uint64) {
	n := sort.Search(len(x.runs), func(i int) bool { return x.runs[i].name.seq >= seq })
	x.runs = slices.Delete(x.runs, 0, n)
}

// clear forgets all.
func (x *index) clear() { x.runs, x.split = nil, false }

// holding returns the position of the run that holds entry i, or of the next one.
func (x *index) holding(i uint64) int {
	return sort.Search(len(x.runs), func(r int) bool { return x.runs[r].next > i })
}

// at returns an extent that begins at or little before entry i, and where in the
// segment it ends; 0 if that is not known. The caller has made sure that the index holds the entry.
func (x *index) at(i uint64) (e extent, end int64) {
	r := &x.runs[x.holding(i)]
	chunk, p := r.seek(i)
	points := r.chunks[chunk].points
	e = r.from(points[p])
	if p++; p == len(points) {
		if chunk++; chunk == len(r.chunks) {
			return e, 0
		}
		points, p = r.chunks[chunk].points, 0
	}
	behind := r.from(points[p])
	e.next = behind.first
	return e, behind.off
}

// find returns the extents that hold [lo, hi), cut to it at the upper end; the first
// one begins little before lo. They share no memory with the index. Of a long run they
// are parts, for readers that want to share the work. The caller has made sure that the index holds all of it.
func (x *index) find(lo, hi uint64) []extent {
	var found []extent
	for n := x.holding(lo); n < len(x.runs) && x.runs[n].first < hi; n++ {
		r := &x.runs[n]
		chunk, p := r.seek(max(lo, r.first))
		for ; chunk < len(r.chunks); chunk, p = chunk+1, 0 {
			e := r.from(r.chunks[chunk].points[p])
			if e.first >= hi {
				break
			}
			if k := len(found); k > 0 {
				found[k-1].next = e.first
			}
			e.next = min(e.next, hi)
			found = append(found, e)
		}
	}
	return found
}
