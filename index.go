package wal

import (
	"math"
	"slices"
	"sort"

	"github.com/seed449c39bc/wal/internal/frame"
)

// The index
//
// It says where each entry stands, in about a hundredth of the log's bytes, whatever was saved. A run
// is what the entries of one segment are, a row of groups. A group begins at a point, which says
// where its first entry stands; the others follow in the file, in order, up to pointSpacing bytes
// behind the point. Reading an entry is reading its group.
//
// What was replaced leaves frames in the file that are no entries any more. Between groups they do
// not matter. Inside a group a bit for each frame of an entry says whether it still is one
// (frames); a group without bits has none that is not. So a log whose entries are saved again and
// again takes no more points than another one, and a bit for each frame.

const (
	// pointSpacing is how far apart the points of a run are at least, in bytes of the segment. It
	// bounds what is read to find one entry.
	pointSpacing = 2 << 10
	// chunkPoints is how many points stand together in memory, and in one extent.
	chunkPoints = 64
)

// extent is a part of a segment with the entries [first, next).
type extent struct {
	first, next uint64
	name        segmentName
	off         int64    // of the first one's frame
	end         int64    // about where the last one's frame ends; 0: not known
	limit       int64    // where it ends at the latest; 0: not known
	crc         uint32   // running checksum before the first frame
	live        liveBits // which frames of entries from off on are entries of the extent; nil: all of them
}

// run is the entries of one segment, but for those before and behind a distance that
// points cannot tell.
type run struct {
	first, next uint64
	name        segmentName
	off         int64   // of the first one's frame
	chunks      []chunk // ascending; the first point is the first entry's
	// dead is how many frames behind the last entry's were entries once; -1: so many that the next
	// entry begins a group.
	dead int
}

// runs ascend. Those of an index leave no gap.
type runs []run

// index finds entries by their index. Adding an entry copies at most a chunk: it is on the way of
// every save.
type index struct {
	runs
	gone  runs // what was let go of, but not replaced, since this was last looked at
	keeps bool // gone
}

// first is the lowest index that can be found.
func (x *index) first() (i uint64, ok bool) {
	if len(x.runs) == 0 {
		return 0, false
	}
	return x.runs[0].first, true
}

// add notes that the entries [first, next), whose frames begin less than pointSpacing apart and
// have none of others between them, begin at an offset of a segment, and the checksum before it.
// They replace all from first on. Every entry that a segment has is added, in the order of the
// file.
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

// add appends count entries to the run. It returns false if they are so far from the
// first one that a point cannot tell where they stand: they take a run of their own.
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

// truncate drops the entries from i on, of which the first one is none.
func (r *run) truncate(i uint64) {
	k, p := r.seek(i - 1)
	c := &r.chunks[k]
	begins := r.first + uint64(c.points[p].index)
	had, keep := int(r.next-begins), int(i-begins)
	popped := k < len(r.chunks)-1 || p < len(c.points)-1
	clear(r.chunks[k+1:])
	r.chunks = r.chunks[:k+1]
	c.points = c.points[:p+1]
	dropped := c.cut(p, had, keep)
	if popped {
		r.dead = -1
	} else if r.dead >= 0 {
		r.dead += dropped
	}
	r.next = i
}

// dropBefore lets go of what stands in segments before seq.
func (x *index) dropBefore(seq uint64) {
	n := sort.Search(len(x.runs), func(i int) bool { return x.runs[i].name.seq >= seq })
	x.letGo(n)
}

// clear lets go of all.
func (x *index) clear() { x.letGo(len(x.runs)) }

// letGo lets go of the first n runs. What is let go of is not changed any more.
func (x *index) letGo(n int) {
	if n == 0 {
		return
	}
	if x.keeps {
		x.gone = append(x.gone, x.runs[:n]...)
	}
	x.runs = slices.Clone(x.runs[n:])
}

// seek returns the last point at or before entry i, which the run holds: its chunk, and its place
// there.
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

// at returns the extent that is the group of entry i. The caller has made sure that the index holds
// the entry.
func (rs runs) at(i uint64) extent {
	r := &rs[rs.holding(i)]
	k, p := r.seek(i)
	return r.group(k, p)
}

// find returns the extents that hold [lo, hi), as lookUp does.
func (rs runs) find(lo, hi uint64) []extent {
	return rs.lookUp(lo, hi, math.MaxInt, nil)
}

// lookUp appends the extents that hold the entries [lo, hi), or the first ones of them, of groups
// groups; cut to it at the upper end; the first one begins little before lo. They share no memory
// with the index. Of a long run they are parts, for readers that want to share the work. The caller
// has made sure that the runs hold lo. It stops where they leave a gap.
func (rs runs) lookUp(lo, hi uint64, groups int, to []extent) []extent {
	n, from := rs.holding(lo), lo
	for ; n < len(rs) && rs[n].first <= from && from < hi && groups > 0; n++ {
		to, groups = rs[n].lookUp(from, hi, groups, to)
		from = rs[n].next
	}
	return to
}

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

// group is the extent of the entries from a point up to the next one.
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

// upTo returns the runs without the entries from i on. The points of those stay.
func (rs runs) upTo(i uint64) runs {
	for n := len(rs); n > 0; n-- {
		if last := &rs[n-1]; last.first < i {
			last.next = min(last.next, i)
			return rs[:n]
		}
	}
	return nil
}
