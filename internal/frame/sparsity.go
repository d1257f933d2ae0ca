package frame

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Pieces goes through the pieces of a frame, cut at the borders of sectors, as far as it is given
// them.
type Pieces struct {
	Off  int64 // how far it came, in the file
	set  int   // bits that are set in the piece so far, but no more than 2
	sum  int64 // 2 for each piece that is all zeros, 1 for each with a single bit set
	Lost bool  // some piece is all zeros
}

// Add goes on with bytes of the frame.
func (s *Pieces) Add(b []byte) {
	for len(b) > 0 {
		n := min(int64(len(b)), s.left())
		s.set = min(s.set+bitsUpTo2(b[:n]), 2)
		s.pass(n)
		b = b[n:]
	}
}

// Zeros goes on with n zeros.
func (s *Pieces) Zeros(n int64) {
	first := min(n, s.left())
	s.pass(first)
	if whole := (n - first) / SectorSize; whole > 0 {
		s.Lost = true
		s.sum += 2 * whole
	}
	s.Off += (n - first) / SectorSize * SectorSize
	s.pass((n - first) % SectorSize)
}

// left is how many bytes are left of the piece.
func (s *Pieces) left() int64 { return SectorSize - s.Off%SectorSize }

// pass goes on by n bytes, no further than to the end of the piece.
func (s *Pieces) pass(n int64) {
	if s.Off += n; n > 0 && s.Off%SectorSize == 0 {
		s.close()
	}
}

// End ends the last piece.
func (s *Pieces) End() {
	if s.Off%SectorSize != 0 {
		s.close()
	}
}

func (s *Pieces) close() {
	s.Lost = s.Lost || s.set == 0
	s.sum += int64(2 - s.set)
	s.set = 0
}

// Sparsity is that of the frame. The piece with the trailer adds nothing: more than one bit of it
// is set.
func (s *Pieces) Sparsity() uint16 { return uint16(min(s.sum, math.MaxUint16)) }

// SparsityOf is the sum over the pieces of a frame, cut at the borders of sectors, of 2 for
// one that is all zeros and 1 for one with a single bit set; no more than the trailer
// can hold. b is the frame without its trailer, whose pieces add nothing, and off its offset.
//
// It tells a lost sector from a flipped bit. A torn record that lost a sector of its
// data can look, by chance, as if one bit of it were flipped. But the lost sector reads as
// zeros, which adds 2 to the thinness, and one bit put back, wherever it is, takes at most
// 1 away: so the record still does not agree with its trailer. If the sector had one bit only, the record
// with another bit put back would differ from the true one in two, which a CRC tells apart.
func SparsityOf(b []byte, off int64) uint16 {
	sum := 0
	for len(b) > 0 {
		piece := b[:min(int64(len(b)), SectorSize-off%SectorSize)]
		// The piece that the trailer begins in is not thin, whatever is before.
		if len(piece) < len(b) || (off+int64(len(piece)))%SectorSize == 0 {
			sum += 2 - bitsUpTo2(piece)
		}
		b, off = b[len(piece):], off+int64(len(piece))
	}
	return uint16(min(sum, math.MaxUint16))
}

// bitsUpTo2 counts the bits that are set in b, but no further than 2.
func bitsUpTo2(b []byte) int {
	set := 0
	for ; len(b) >= WordSize && set < 2; b = b[WordSize:] {
		set += bits.OnesCount64(binary.LittleEndian.Uint64(b))
	}
	for i := 0; i < len(b) && set < 2; i++ {
		set += bits.OnesCount8(b[i])
	}
	return min(set, 2)
}
