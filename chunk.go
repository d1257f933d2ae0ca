package wal

// point says where the first entry of a group stands. It takes 12 bytes.
type point struct {
	index uint32 // behind the run's first one
	place uint32 // words behind the run's first frame, and gapBit
	crc   uint32 // running checksum before the frame
}

const (
	// gapBit says that there are frames of entries that were replaced before the point, behind the
	// group before it.
	gapBit = 1 << 31
	// maxWords is how far behind the run's first frame a point can be.
	maxWords = gapBit - 1
)

func newPoint(index, words, crc uint32, gap bool) point {
	if gap {
		words |= gapBit
	}
	return point{index, words, crc}
}

// distance is how many words the point is behind the run's first frame.
func (p point) distance() int64 { return int64(p.place &^ gapBit) }

func (p point) gap() bool { return p.place&gapBit != 0 }

// chunk is some groups in a row, at least one.
type chunk struct {
	index  uint32 // of the first one: so finding a chunk does not touch the points of all
	points []point
	frames *frames // nil: all frames in the groups are entries
}

// frames has a bit for each entry's frame in the groups of a chunk, of those groups in which one is
// no entry any more.
type frames struct {
	starts []uint16 // of each group's bits; a group without bits has only entries
	bits   liveBits
	n      int // how many bits there are
}

// liveBits are bits, from the lowest one of each byte.
type liveBits []byte

func (b liveBits) at(i int) bool { return b[i/8]>>(i%8)&1 != 0 }

// put appends count bits of one kind.
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

// extend adds count entries to the last group, which has some already, behind dead frames of
// others.
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

// cut leaves keep of the entries of group p, which is the last one, and had some more. It returns
// how many frames are behind them.
func (c *chunk) cut(p, had, keep int) (dropped int) {
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

// live returns a copy of the bits of group p, nil if there are none.
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

// clip gives back memory that was kept for more: what comes next stands in another chunk.
func (c *chunk) clip() {
	c.points = clipped(c.points)
	if f := c.frames; f != nil {
		f.starts, f.bits = clipped(f.starts), clipped(f.bits)
	}
}

// clipped returns s in as much memory as it needs, if it has more.
func clipped[E any](s []E) []E {
	if len(s) == cap(s) {
		return s
	}
	return append(make([]E, 0, len(s)), s...)
}
