package wal

import "math"

// pieces goes through the pieces of a frame, cut at the borders of sectors, in portions.
type pieces struct {
	off  int64 // how far it came, in the file
	set  int   // bits that are set in the piece so far, but no more than 2
	sum  int64 // 2 for each piece that is all zeros, 1 for each with a single bit set
	lost bool  // some piece is all zeros
}

// add goes on with a portion.
func (s *pieces) add(p portion) {
	b := p.data
	for len(b) > 0 {
		n := min(int64(len(b)), s.left())
		s.set = min(s.set+bitsUpTo2(b[:n]), 2)
		s.pass(n)
		b = b[n:]
	}
	if p.data == nil {
		s.zeros(p.size)
	}
}

// zeros goes on with n zeros.
func (s *pieces) zeros(n int64) {
	first := min(n, s.left())
	s.pass(first)
	if whole := (n - first) / sectorSize; whole > 0 {
		s.lost = true
		s.sum += 2 * whole
	}
	s.off += (n - first) / sectorSize * sectorSize
	s.pass((n - first) % sectorSize)
}

// left is how many bytes are left of the piece.
func (s *pieces) left() int64 { return sectorSize - s.off%sectorSize }

// pass goes on by n bytes, no further than to the end of the piece.
func (s *pieces) pass(n int64) {
	if s.off += n; n > 0 && s.off%sectorSize == 0 {
		s.close()
	}
}

// end ends the last piece.
func (s *pieces) end() {
	if s.off%sectorSize != 0 {
		s.close()
	}
}

func (s *pieces) close() {
	s.lost = s.lost || s.set == 0
	s.sum += int64(2 - s.set)
	s.set = 0
}

// thinness is that of the frame. The piece with the trailer adds nothing: more than one bit of it
// is set.
func (s *pieces) thinness() uint16 { return uint16(min(s.sum, math.MaxUint16)) }
