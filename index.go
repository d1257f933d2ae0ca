package wal

import (
	"math"
	"sort"

	"github.com/seed449c39bc/wal/internal/frame"
)

// The index
//
// The index says where each entry stands, in about a hundredth of the log's bytes, whatever was
// saved. A run holds the entries of one segment, as a row of groups. A group begins at a point,
// which says where its first entry stands. The other entries of the group follow in the file, in
// order, for about pointSpacing bytes. To read an entry, its group is read.
//
// Entries that were replaced leave frames in the file that are no longer entries. Between groups
// such frames do not matter. A group that contains some has a bit for each frame of an entry, which
// says whether it still is one (frames). In a group without bits all of them are. So a log whose
// entries are saved again and again takes no more points than any other log, and one bit for each
// frame.

const (
	// pointSpacing is the least distance between the points of a run, in bytes of the segment. It
	// bounds what is read to find one entry.
	pointSpacing = 2 << 10
	// chunkPoints is how many points stand together in memory, and in one extent, at most.
	chunkPoints = 64
)

// extent is a part of a segment with the entries [first, next).
type extent struct {
	first, next uint64
	name        segmentName
	off         int64    // of the first entry's frame
	end         int64    // about where the last entry's frame ends; 0: not known
	limit       int64    // where it ends at the latest; 0: not known
	crc         uint32   // the chain before the first frame
	live        liveBits // which frames of entries from off on are in the extent; nil: all of them
}

// run holds the entries of one segment. If they reach further than a point can tell, the segment
// has several runs.
type run struct {
	first, next uint64
	name        segmentName
	off         int64   // of the first entry's frame
	chunks      []chunk // ascending; the first point is the first entry's
	// dead is how many frames after that of the last entry were entries once; -1: so many that the
	// next entry begins a group.
	dead int
}

// runs are in ascending order. Those of an index leave no gap.
type runs []run

// index finds entries by their index. Adding an entry copies at most one chunk, because every save
// does it.
type index struct {
	runs
	gone  runs // what was let go of, but not replaced, since gone was last looked at
	keeps bool // whether gone is kept
}

// first returns the lowest index that can be found. ok is false if there is none.
func (x *index) first() (i uint64, ok bool) {
	if len(x.runs) == 0 {
		return 0, false
	}
	return x.runs[0].first, true
}

// add notes where the entries [first, next) stand. The frame of the first one begins at off in a
// segment, where the chain is crc, and that of each further one begins less than pointSpacing bytes
// after the one before it, with no frame of another entry between them. They replace all entries
// from first on. Every entry of a segment is added, in the order of the file.
func (x *index) add(first, next uint64, name segmentName, off int64, crc uint32) {
	x.truncate(first)
	if n := len(x.runs); n > 0 {
		last := &x.runs[n-1]
		if last.next == first && last.name == name && last.add(next-first, off, crc) {
			return
		}
		last.chunks[len(last.chunks)-1].clip()
	}
	x.runs = append(x.runs, run{first: first, next: first, name: name, off: off})
	x.runs[len(x.runs)-1].add(next-first, off, crc)
}

// add appends count entries to the run. It returns false if they are so far from the first one that
// a point cannot tell where they stand: they take a run of their own.
func (r *run) add(count uint64, off int64, crc uint32) bool {
	index, words := r.next-r.first, (off-r.off)/frame.WordSize
	if index > math.MaxUint32 || words > maxWords {
		return false
	}
	r.next += count
	dead := r.dead
	r.dead = 0
	n := len(r.chunks)
	if n > 0 && dead >= 0 {
		c := &r.chunks[n-1]
		if p := c.points[len(c.points)-1]; words-p.distance() < pointSpacing/frame.WordSize {
			c.extend(int(uint32(index)-p.index), dead, int(count))
			return true
		}
	}
	if n == 0 || len(r.chunks[n-1].points) == chunkPoints {
		if n > 0 {
			r.chunks[n-1].clip()
		}
		r.chunks = append(r.chunks, chunk{index: uint32(index)})
		n++
	}
	r.chunks[n-1].begin(newPoint(uint32(index), uint32(words), crc, dead != 0))
	return true
}

// truncate drops the entries from i on. Their frames stay where they are.
func (x *index) truncate(i uint64) {
	for n := len(x.runs); n > 0; n-- {
		last := &x.runs[n-1]
		if last.next <= i {
			return
		}
		if last.first < i {
			last.truncate(i)
			return
		}
		*last = run{}
		x.runs = x.runs[:n-1]
	}
}

// truncate drops the entries from i on. i is above the first entry, so some are left.
func (r *run) truncate(i uint64) {
	k, p := r.seek(i - 1)
	c := &r.chunks[k]
	begins := r.first + uint64(c.points[p].index)
	had, keep := int(r.next-begins), int(i-begins)
	popped := k < len(r.chunks)-1 || p < len(c.points)-1
	clear(r.chunks[k+1:])
	r.chunks = r.chunks[:k+1]
	c.points = c.points[:p+1]
	dropped := c.truncate(p, had, keep)
	if popped {
		r.dead = -1
	} else if r.dead >= 0 {
		r.dead += dropped
	}
	r.next = i
}

// dropBefore lets go of the entries in segments before seq.
func (x *index) dropBefore(seq uint64) {
	n := sort.Search(len(x.runs), func(i int) bool { return x.runs[i].name.seq >= seq })
	x.letGo(n)
}

// clear lets go of all entries.
func (x *index) clear() { x.letGo(len(x.runs)) }

// letGo lets go of the first n runs, which are not changed any more.
func (x *index) letGo(n int) {
	if n == 0 {
		return
	}
	if x.keeps {
		x.gone = append(x.gone, x.runs[:n]...)
	}
	x.runs = dropFront(x.runs, n)
}

// seek returns the last point at or before entry i, which the run holds: the position of its chunk,
// and its own position in that chunk.
func (r *run) seek(i uint64) (chunk, p int) {
	index := uint32(min(i-r.first, math.MaxUint32))
	chunk = sort.Search(len(r.chunks), func(c int) bool { return r.chunks[c].index > index }) - 1
	points := r.chunks[chunk].points
	return chunk, sort.Search(len(points), func(p int) bool { return points[p].index > index }) - 1
}

// holding returns the position of the run that holds entry i, or of the next one.
func (rs runs) holding(i uint64) int {
	return sort.Search(len(rs), func(r int) bool { return rs[r].next > i })
}

// holds reports whether entry i is in one of the runs.
func (rs runs) holds(i uint64) bool {
	n := rs.holding(i)
	return n < len(rs) && rs[n].first <= i
}

// at returns the extent of the group of entry i. The caller has made sure that the runs hold the
// entry.
func (rs runs) at(i uint64) extent {
	r := &rs[rs.holding(i)]
	k, p := r.seek(i)
	return r.group(k, p)
}

// find returns the extents that hold the entries [lo, hi), as lookUp does, whatever the number of
// groups.
func (rs runs) find(lo, hi uint64) []extent {
	return rs.lookUp(lo, hi, math.MaxInt, nil)
}

// lookUp appends the extents that hold the entries [lo, hi) to the slice to, but only those of the
// first groups; the parameter groups says how many. The last extent ends with hi at the latest, and
// the first one begins a little before lo. They share no memory with the index. A long run yields
// several extents, for readers that want to share the work. The caller has made sure that the runs
// hold lo. lookUp stops where the runs leave a gap.
func (rs runs) lookUp(lo, hi uint64, groups int, to []extent) []extent {
	n, from := rs.holding(lo), lo
	for ; n < len(rs) && rs[n].first <= from && from < hi && groups > 0; n++ {
		to, groups = rs[n].lookUp(from, hi, groups, to)
		from = rs[n].next
	}
	return to
}

// lookUp is that of one run. It also returns how many groups are left to look up.
func (r *run) lookUp(lo, hi uint64, groups int, to []extent) ([]extent, int) {
	hi = min(hi, r.next) // the points may go further: see upTo
	k, p := r.seek(lo)
	for ; k < len(r.chunks); k, p = k+1, 0 {
		points := r.chunks[k].points
		for begun := false; p < len(points); p++ {
			g := r.group(k, p)
			if g.first >= hi || groups == 0 {
				return to, groups
			}
			groups--
			g.next = min(g.next, hi)
			if last := len(to) - 1; begun && !points[p].gap() && g.live == nil && to[last].live == nil {
				to[last].next, to[last].end, to[last].limit = g.next, g.end, g.limit
			} else {
				to = append(to, g)
			}
			begun = true
		}
	}
	return to, groups
}

// group returns the extent of the entries from point p of chunk k up to the next point.
func (r *run) group(k, p int) extent {
	c := &r.chunks[k]
	at := c.points[p]
	e := extent{
		first: r.first + uint64(at.index), next: r.next, name: r.name,
		off: r.off + at.distance()*frame.WordSize, crc: at.crc, live: c.live(p),
	}
	var behind point
	switch {
	case p+1 < len(c.points):
		behind = c.points[p+1]
	case k+1 < len(r.chunks):
		behind = r.chunks[k+1].points[0]
	case r.dead == 0:
		return e
	default:
		e.end = e.off + 2*pointSpacing
		return e
	}
	e.next, e.limit = r.first+uint64(behind.index), r.off+behind.distance()*frame.WordSize
	e.end = e.limit
	if behind.gap() {
		e.end = min(e.end, e.off+2*pointSpacing)
	}
	return e
}

// upTo returns the runs without the entries from i on, and changes rs. The points of those entries
// stay.
func (rs runs) upTo(i uint64) runs {
	for n := len(rs); n > 0; n-- {
		if last := &rs[n-1]; last.first < i {
			last.next = min(last.next, i)
			return rs[:n]
		}
	}
	return nil
}
