package wal

// point says where the first entry of a group stands. It takes 12 bytes.
type point struct {
	index uint32 // counted from the run's first one
	words uint32 // from the run's first frame to that of the entry, and gapBit
	crc   uint32 // the chain before the frame
}

const (
	// gapBit says that frames of entries that were replaced stand between the group before the
	// point and the point.
	gapBit = 1 << 31
	// maxWords is the largest distance of a point from the run's first frame, in words.
	maxWords = gapBit - 1
)

// newPoint returns a point. gap says whether frames of entries that were replaced stand before it.
func newPoint(index, words, crc uint32, gap bool) point {
	if gap {
		words |= gapBit
	}
	return point{index, words, crc}
}

// distance returns how many words the point is after the run's first frame.
func (p point) distance() int64 { return int64(p.words &^ gapBit) }

// gap reports whether frames of entries that were replaced stand between the group before the point
// and the point.
func (p point) gap() bool { return p.words&gapBit != 0 }

// chunk is some groups in a row, at least one.
type chunk struct {
	index  uint32 // of the first point: to find a chunk, the points of others are not touched
	points []point
	frames *frames // nil: all frames in the groups are entries
}

// frames has the bits of those groups of a chunk that contain frames of replaced entries: one bit
// for each frame of an entry, replaced or not.
type frames struct {
	starts []uint16 // of each group's bits; in a group without bits all frames are entries
	bits   liveBits
	n      int // how many bits there are
}

// liveBits has a bit for each of some frames, in each byte from the lowest one on: 1 for a frame
// that still is an entry.
type liveBits []byte

// at reports whether bit i is 1.
func (b liveBits) at(i int) bool { return b[i/8]>>(i%8)&1 != 0 }

// put appends the same bit count times.
func (f *frames) put(bit byte, count int) {
	for range count {
		if f.n%8 == 0 {
			f.bits = append(f.bits[:f.n/8], 0)
		}
		f.bits[f.n/8] |= bit << (f.n % 8)
		f.n++
	}
}

// group returns where the bits of group p begin and end.
func (f *frames) group(p int) (start, end int) {
	if p+1 < len(f.starts) {
		return int(f.starts[p]), int(f.starts[p+1])
	}
	return int(f.starts[p]), f.n
}

// shorten drops the bits from the n-th on.
func (f *frames) shorten(n int) {
	f.n = n
	f.bits = f.bits[:(n+7)/8]
	if n%8 != 0 {
		f.bits[n/8] &= 1<<(n%8) - 1
	}
}

// begin begins a group.
func (c *chunk) begin(p point) {
	c.points = append(c.points, p)
	if c.frames != nil {
		c.frames.starts = append(c.frames.starts, uint16(c.frames.n))
	}
}

// extend adds count entries to the last group. Before them stand the entries that the group has,
// whose number is already, and then the frames of replaced entries, whose number is dead.
func (c *chunk) extend(already, dead, count int) {
	if c.frames == nil {
		if dead == 0 {
			return
		}
		c.frames = &frames{starts: make([]uint16, len(c.points))}
	}
	f := c.frames
	if start, end := f.group(len(c.points) - 1); start == end {
		if dead == 0 {
			return
		}
		f.put(1, already)
	}
	f.put(0, dead)
	f.put(1, count)
}

// truncate shortens group p, which is the last one, from had to keep entries. It returns how many
// frames of entries stand after those that are left.
func (c *chunk) truncate(p, had, keep int) (dropped int) {
	f := c.frames
	if f == nil {
		return had - keep
	}
	start, end := f.group(p)
	f.starts = f.starts[:p+1]
	if start == end {
		f.shorten(end)
		return had - keep
	}
	to := start
	for left := keep; left > 0; to++ {
		if f.bits.at(to) {
			left--
		}
	}
	if to-start == keep {
		f.shorten(start) // only entries are left
	} else {
		f.shorten(to)
	}
	return end - to
}

// live returns a copy of the bits of group p, and nil if it has none.
func (c *chunk) live(p int) liveBits {
	if c.frames == nil {
		return nil
	}
	start, end := c.frames.group(p)
	if start == end {
		return nil
	}
	out := frames{bits: make(liveBits, 0, (end-start+7)/8)}
	for i := start; i < end; i++ {
		bit := byte(0)
		if c.frames.bits.at(i) {
			bit = 1
		}
		out.put(bit, 1)
	}
	return out.bits
}

// clip gives back memory that was kept for more groups: what comes next stands in another chunk.
func (c *chunk) clip() {
	c.points = clipped(c.points)
	if f := c.frames; f != nil {
		f.starts, f.bits = clipped(f.starts), clipped(f.bits)
	}
}

// clipped returns s in no more memory than it needs.
func clipped[E any](s []E) []E {
	if len(s) == cap(s) {
		return s
	}
	return append(make([]E, 0, len(s)), s...)
}
