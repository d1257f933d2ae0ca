package frame

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Pieces adds up the sparsity of a frame that it is given in portions, with Add and Zeros, and
// notices a lost sector. A piece is what one sector holds of the frame.
type Pieces struct {
	Off  int64 // offset in the file of what comes next; at first, of the frame
	Lost bool  // some piece is all zeros
	set  int   // bits that are set in the piece so far, counted up to 2
	sum  int64 // 2 for each piece that is all zeros, 1 for each with a single bit set
}

// Add takes the next bytes of the frame.
func (s *Pieces) Add(b []byte) {
	for len(b) > 0 {
		n := min(int64(len(b)), s.left())
		s.set = min(s.set+bitsUpTo2(b[:n]), 2)
		s.pass(n)
		b = b[n:]
	}
}

// Zeros takes the next bytes of the frame, which are n zeros.
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

// left returns how many bytes are left of the piece.
func (s *Pieces) left() int64 { return SectorSize - s.Off%SectorSize }

// pass steps over n bytes, at most to the end of the piece.
func (s *Pieces) pass(n int64) {
	if s.Off += n; n > 0 && s.Off%SectorSize == 0 {
		s.close()
	}
}

// End closes the last piece. Call it once, before Lost and Sparsity count.
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

// Sparsity returns the sparsity of the frame, as SparsityOf does. The trailer was among the bytes,
// but it adds nothing: its piece has more than one bit set.
func (s *Pieces) Sparsity() uint16 { return uint16(min(s.sum, math.MaxUint16)) }

// SparsityOf returns the sparsity of the frame b at offset off of its segment, without its trailer.
// The frame is divided into pieces at the borders of sectors. A piece that is all zeros counts 2,
// one with a single bit set counts 1, and the sparsity is their sum, at most what the trailer can
// hold.
//
// It tells a lost sector from a flipped bit. A torn record that lost a sector of its data can look,
// by chance, as if one bit of it were flipped. But the lost sector reads as zeros, which adds 2 to
// the sparsity, and putting one bit back, wherever it is, takes away at most 1: so the record still
// does not agree with its trailer. If the lost sector had only one bit set, then the record with
// another bit put back would differ from the true one in two bits, which the CRC notices.
func SparsityOf(b []byte, off int64) uint16 {
	sum := 0
	for len(b) > 0 {
		piece := b[:min(int64(len(b)), SectorSize-off%SectorSize)]
		// The piece in which the trailer begins adds nothing, whatever stands before the trailer.
		if len(piece) < len(b) || (off+int64(len(piece)))%SectorSize == 0 {
			sum += 2 - bitsUpTo2(piece)
		}
		b, off = b[len(piece):], off+int64(len(piece))
	}
	return uint16(min(sum, math.MaxUint16))
}

// bitsUpTo2 returns how many bits are set in b, counted up to 2.
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
