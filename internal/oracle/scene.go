package oracle

import (
	"bytes"
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/seed449c39bc/wal/log"
)

// Scene is the end of a segment as recovery meets it.
type Scene struct {
	Segment   []byte // the whole segment
	Seq       uint64
	Off       int    // first offset without a valid record
	CRC       uint32 // chain before p
	Trailered bool
}

// ValidAt returns the frame at Off, and whether it is a valid record.
func (s *Scene) ValidAt() (Frame, bool) {
	f, ok := ReadFrame(s.Segment, s.Seq, s.Off)
	return f, ok && (s.Trailered || !f.Trailered) && (f.Type == int64(log.CrcType) && f.CRC == s.CRC ||
		f.Type != int64(log.CrcType) && f.CRC == CRC(s.CRC, f.Data))
}

// Row returns the first row of the table of docs/FORMAT.md 7.1 that fits, "3'" among them, and the
// bit of rows 3 and 3'.
func (s *Scene) Row() (row string, bit int) {
	rest := s.Segment[s.Off:]
	for q := s.Off + 8; s.Trailered && q < len(s.Segment); q += 8 {
		if f, ok := ReadFrame(s.Segment, s.Seq, q); ok && f.Trailered && f.Flags&1 != 0 && !s.inside(q) {
			return "1", 0
		}
	}
	if IsZero(rest) {
		return "2", 0
	}
	if bit, size, ok := s.Flip(); ok {
		if from, to := s.piece(bit/8, size); IsZero(s.Segment[from:to]) {
			return "3", bit
		}
		return "3'", bit
	}
	word := binary.LittleEndian.Uint64(append(bytes.Clone(rest), make([]byte, 8)...))
	n := word & (1<<56 - 1)
	switch {
	case word == 0:
		return "4", 0
	case n > uint64(len(rest)) || 8+n+(8-n%8)%8 > uint64(len(rest)):
		return "5", 0
	}
	size := int(8 + n + (8-n%8)%8)
	for at := s.Off; at < s.Off+size; {
		from, to := s.piece(at, size)
		if IsZero(s.Segment[from:to]) {
			return "6", 0
		}
		at = to
	}
	f, formed := ReadFrame(s.Segment, s.Seq, s.Off)
	if plain := !s.Trailered || formed && !f.Trailered; !plain && IsZero(rest[8+n-1:]) {
		return "7", 0
	}
	return "8", 0
}

// inside reports whether q is inside a frame, not at its beginning, that is reached from Off from
// frame to frame, each of which has a length that is not in doubt.
func (s *Scene) inside(q int) bool {
	for at := s.Off; at < q; {
		f, ok := ReadFrame(s.Segment, s.Seq, at)
		size := f.Size
		if !ok || !f.Trailered {
			if size = s.tornSize(at); size == 0 {
				return false
			}
		}
		if at += size; q < at {
			return true
		}
	}
	return false
}

// tornSize returns the size of a frame at an offset that has lost its trailer, and 0 if it is not
// like that: its length word must agree with what stands before the payload.
func (s *Scene) tornSize(at int) int {
	head := append(bytes.Clone(s.Segment[at:]), make([]byte, 64)...)
	n := int(binary.LittleEndian.Uint64(head) & (1<<32 - 1))
	f := Frame{Type: -1}
	rest := head[8:]
	for num, v := protowire.Number(1), uint64(0); num <= 3; num++ {
		got, typ, m := protowire.ConsumeTag(rest)
		if m != 1 || got != num || typ != wireTypes[num] {
			if num == 3 {
				break
			}
			return 0
		}
		if v, m = protowire.ConsumeVarint(rest[1:]); m < 0 {
			return 0
		}
		switch rest = rest[1+m:]; num {
		case 1:
			f.Type = int64(v)
		case 2:
			f.CRC = uint32(v)
		case 3:
			if v > 1<<20 || f.Type == 4 && v > 64 {
				return 0
			}
			f.Data = make([]byte, v)
		}
	}
	f.Trailered, f.Flags = true, 2
	like := f.Build(s.Seq, at)
	header := len(head) - len(rest)
	if len(like) < header || !bytes.Equal(like[:header], head[:header]) ||
		int(binary.LittleEndian.Uint64(like)&(1<<56-1)) != n {
		return 0
	}
	mark := at + 8 + n - 1
	if mark >= len(s.Segment) || IsZero(s.Segment[mark:]) {
		return len(like)
	}
	if from, to := s.pieceOf(at, mark, len(like)); IsZero(s.Segment[from:min(to, len(s.Segment))]) {
		return len(like)
	}
	return 0
}

// pieceOf returns the part of a frame of the given size at an offset that lies in the sector of
// another offset.
func (s *Scene) pieceOf(frame, at, size int) (from, to int) {
	from = at / 512 * 512
	return max(from, frame), min(from+512, frame+size)
}

// Flip tries every bit of the frame at Off, and returns the one that makes it valid. size is that
// of the corrected frame.
func (s *Scene) Flip() (bit, size int, ok bool) {
	f, intact := ReadFrame(s.Segment, s.Seq, s.Off)
	end := 8 // behind the length word, the bits count that are in the frame it claims
	if len(s.Segment)-s.Off >= 8 {
		if n := binary.LittleEndian.Uint64(s.Segment[s.Off:]) & (1<<56 - 1); n <= uint64(len(s.Segment)) {
			end += (int(n) + 7) / 8 * 8
		}
	}
	data := bytes.Clone(f.Data)
	for i := range min(end, len(s.Segment)-s.Off) {
		payload := f.Type != int64(log.CrcType) && i >= f.Header && i < f.Header+len(f.Data)
		if payload && !intact {
			continue // whatever is wrong, the form and the check do not depend on this byte
		}
		for b := range 8 {
			if payload { // only the chain depends on it
				data[i-f.Header] ^= 1 << b
				is := (s.Trailered || !f.Trailered) && CRC(s.CRC, data) == f.CRC
				data[i-f.Header] ^= 1 << b
				s.Segment[s.Off+i] ^= 1 << b
				is = is && s.agrees(f)
				s.Segment[s.Off+i] ^= 1 << b
				if is {
					return (s.Off+i)*8 + b, f.Size, true
				}
				continue
			}
			wordless := IsZero(s.Segment[s.Off : s.Off+8])
			s.Segment[s.Off+i] ^= 1 << b
			g, is := s.ValidAt()
			is = is && s.agrees(g)
			s.Segment[s.Off+i] ^= 1 << b
			if is && wordless && s.Trailered && !g.Trailered { // unless another plain one follows
				next, ok := ReadFrame(s.Segment, s.Seq, s.Off+g.Size)
				is = ok && !next.Trailered
			}
			if is {
				return (s.Off+i)*8 + b, g.Size, true
			}
		}
	}
	return 0, 0, false
}

// agrees reports whether the frame at Off has the sparsity that it says.
func (s *Scene) agrees(f Frame) bool {
	return !f.Trailered || SparsityOf(s.Segment[s.Off:s.Off+f.Size], s.Off) == f.Sparsity
}

// piece returns the part of a frame of the given size at Off that lies in the sector of offset at.
func (s *Scene) piece(at, size int) (from, to int) {
	from = at / 512 * 512
	return max(from, s.Off), min(from+512, s.Off+size)
}
