package wal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/seed449c39bc/wal/log"
)

// This file is an oracle for the format: docs/FORMAT.md 2, 3 and 7 put down once
// more, as plainly as can be, without the code under test. A frame is right if
// building it again from its fields gives the same bytes; one flipped bit
// explains a frame if some bit, of all there are, does when it is tried.

// plainFrame is a frame as the oracle sees it.
type plainFrame struct {
	typ    int64
	crc    uint32
	data   []byte // nil: the field is absent
	sealed bool
	flags  byte
	thin   uint16
	header int // bytes before the payload, the length word included
	size   int
}

func sumOver(before uint32, data []byte) uint32 {
	return crc32.Update(before, crc32.MakeTable(crc32.Castagnoli), data) // the standard library's is not under test
}

// written returns the bytes of the frame at an offset of segment seq as a log writes
// them: with its thinness.
func (f plainFrame) written(seq uint64, off int) []byte {
	f.thin = 0
	b := f.build(seq, off)
	if f.sealed {
		f.thin = thinOf(b, off)
	}
	return f.build(seq, off)
}

// thinOf adds up 2 for each piece of a frame without a bit set and 1 for each with one.
func thinOf(frame []byte, off int) uint16 {
	n := 0
	for from := off; from < off+len(frame); {
		to := min((from/512+1)*512, off+len(frame))
		set := 0
		for _, c := range frame[from-off : to-off] {
			set += bits.OnesCount8(c)
		}
		n += max(2-set, 0)
		from = to
	}
	return uint16(min(n, 65535))
}

// build returns the bytes of the frame at an offset of segment seq.
func (f plainFrame) build(seq uint64, off int) []byte {
	rec := protowire.AppendTag(nil, 1, protowire.VarintType)
	rec = protowire.AppendVarint(rec, uint64(f.typ))
	rec = protowire.AppendTag(rec, 2, protowire.VarintType)
	rec = protowire.AppendVarint(rec, uint64(f.crc))
	head := len(rec)
	if f.data != nil {
		rec = protowire.AppendTag(rec, 3, protowire.BytesType)
		rec = protowire.AppendBytes(rec, f.data)
		head = len(rec) - len(f.data)
	}
	n := len(rec)
	if f.sealed {
		n += 9
	}
	pad := (8 - n%8) % 8
	word := uint64(n)
	if pad > 0 {
		word |= 1<<63 | uint64(pad)<<56
	}
	out := append(binary.LittleEndian.AppendUint64(nil, word), rec...)
	if f.sealed {
		sum := f.sum(seq, off, out[:8+head])
		out = protowire.AppendTag(out, 4, protowire.Fixed64Type)
		out = protowire.AppendFixed64(out, uint64(sum)|uint64(f.flags)<<32|uint64(f.thin)<<40|0xA5<<56)
	}
	return append(out, make([]byte, pad)...)
}

// sum is the check over a frame that begins with head.
func (f plainFrame) sum(seq uint64, off int, head []byte) uint32 {
	covered := binary.LittleEndian.AppendUint64(nil, seq)
	covered = binary.LittleEndian.AppendUint64(covered, uint64(off))
	covered = append(append(covered, head...), f.flags)
	if f.thin > 0 {
		covered = append(covered, byte(f.thin), byte(f.thin>>8))
	}
	if f.typ == int64(log.CrcType) {
		covered = append(covered, f.data...)
	}
	return sumOver(0, covered)
}

var wireTypes = [...]protowire.Type{1: protowire.VarintType, 2: protowire.VarintType, 3: protowire.BytesType, 4: protowire.Fixed64Type}

// readFrame returns the frame at off in the segment if it is right in all but its chain.
// If only its fields are well formed, it returns them. The data is seg's.
func readFrame(seg []byte, seq uint64, off int) (f plainFrame, ok bool) {
	if off+8 > len(seg) {
		return f, false
	}
	word := binary.LittleEndian.Uint64(seg[off:])
	n := word & (1<<56 - 1)
	if n == 0 || n+8 > uint64(len(seg)-off) {
		return f, false
	}
	b := seg[off+8 : off+8+int(n)]
	var last protowire.Number
	for rest := b; len(rest) > 0; {
		num, typ, m := protowire.ConsumeField(rest)
		if m < 0 || num <= last || num > 4 || typ != wireTypes[num] {
			return plainFrame{}, false
		}
		wire := protowire.SizeTag(num)
		switch num {
		case 1, 2:
			v, k := protowire.ConsumeVarint(rest[wire:])
			if k < 0 {
				return plainFrame{}, false
			}
			if num == 1 {
				f.typ = int64(v)
			} else {
				f.crc = uint32(v)
			}
			f.header = 8 + len(b) - len(rest) + m
		case 3:
			v, k := protowire.ConsumeBytes(rest[wire:])
			if k < 0 {
				return plainFrame{}, false
			}
			f.data = v
			f.header = 8 + len(b) - len(rest) + m - len(v)
		case 4:
			v, k := protowire.ConsumeFixed64(rest[wire:])
			if k < 0 {
				return plainFrame{}, false
			}
			f.sealed, f.flags, f.thin = true, byte(v>>32), uint16(v>>40)
		}
		last, rest = num, rest[m:]
	}
	again := f.build(seq, off)
	f.size = len(again)
	return f, f.size <= len(seg)-off && bytes.Equal(again, seg[off:off+f.size])
}

// scene is the end of a segment as recovery meets it.
type scene struct {
	seg    []byte // the whole segment
	seq    uint64
	p      int    // first offset without a valid record
	crc    uint32 // chain before p
	sealed bool
}

// validAt tells whether there is a valid record at p.
func (s *scene) validAt() (plainFrame, bool) {
	f, ok := readFrame(s.seg, s.seq, s.p)
	return f, ok && (s.sealed || !f.sealed) && (f.typ == int64(log.CrcType) && f.crc == s.crc ||
		f.typ != int64(log.CrcType) && f.crc == sumOver(s.crc, f.data))
}

// row returns the first row of the table that fits, "3'" among them, and the bit of rows 3 and 3'.
func (s *scene) row() (row string, bit int) {
	rest := s.seg[s.p:]
	for q := s.p + 8; s.sealed && q < len(s.seg); q += 8 {
		if f, ok := readFrame(s.seg, s.seq, q); ok && f.sealed && f.flags&1 != 0 && !s.inside(q) {
			return "1", 0
		}
	}
	if isZero(rest) {
		return "2", 0
	}
	if bit, size, ok := s.flipThatExplains(); ok {
		if from, to := s.piece(bit/8, size); isZero(s.seg[from:to]) {
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
	for at := s.p; at < s.p+size; {
		from, to := s.piece(at, size)
		if isZero(s.seg[from:to]) {
			return "6", 0
		}
		at = to
	}
	f, formed := readFrame(s.seg, s.seq, s.p)
	if plain := !s.sealed || formed && !f.sealed; !plain && isZero(rest[8+n-1:]) {
		return "7", 0
	}
	return "8", 0
}

// inside tells whether q is inside a frame, not at its beginning, that is reached from p from
// frame to frame, each of which has a length that is not in doubt.
func (s *scene) inside(q int) bool {
	for at := s.p; at < q; {
		f, ok := readFrame(s.seg, s.seq, at)
		size := f.size
		if !ok || !f.sealed {
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

// tornSize is the size of a frame at an offset that has lost its trailer, 0 if it is not like that: its
// length word must agree with what stands before the payload.
func (s *scene) tornSize(at int) int {
	head := append(bytes.Clone(s.seg[at:]), make([]byte, 64)...)
	n := int(binary.LittleEndian.Uint64(head) & (1<<32 - 1))
	f := plainFrame{typ: -1}
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
			f.typ = int64(v)
		case 2:
			f.crc = uint32(v)
		case 3:
			if v > 1<<20 || f.typ == 4 && v > 64 {
				return 0
			}
			f.data = make([]byte, v)
		}
	}
	f.sealed, f.flags = true, 2
	like := f.build(s.seq, at)
	header := len(head) - len(rest)
	if len(like) < header || !bytes.Equal(like[:header], head[:header]) || int(binary.LittleEndian.Uint64(like)&(1<<56-1)) != n {
		return 0
	}
	mark := at + 8 + n - 1
	if mark >= len(s.seg) || isZero(s.seg[mark:]) {
		return len(like)
	}
	if from, to := s.pieceOf(at, mark, len(like)); isZero(s.seg[from:min(to, len(s.seg))]) {
		return len(like)
	}
	return 0
}

// pieceOf is the part of a frame of the given size at an offset that lies in the sector of another.
func (s *scene) pieceOf(frame, at, size int) (from, to int) {
	from = at / 512 * 512
	return max(from, frame), min(from+512, frame+size)
}

// flipThatExplains tries every bit of the frame at p. size is that of the mended frame.
func (s *scene) flipThatExplains() (bit, size int, ok bool) {
	f, intact := readFrame(s.seg, s.seq, s.p)
	end := 8 // behind the length word, the bits count that are in the frame it claims
	if len(s.seg)-s.p >= 8 {
		if n := binary.LittleEndian.Uint64(s.seg[s.p:]) & (1<<56 - 1); n <= uint64(len(s.seg)) {
			end += (int(n) + 7) / 8 * 8
		}
	}
	data := bytes.Clone(f.data)
	for i := range min(end, len(s.seg)-s.p) {
		payload := f.typ != int64(log.CrcType) && i >= f.header && i < f.header+len(f.data)
		if payload && !intact {
			continue // whatever is wrong, the form and the check do not depend on this byte
		}
		for b := range 8 {
			if payload { // only the chain depends on it
				data[i-f.header] ^= 1 << b
				is := (s.sealed || !f.sealed) && sumOver(s.crc, data) == f.crc
				data[i-f.header] ^= 1 << b
				s.seg[s.p+i] ^= 1 << b
				is = is && s.agrees(f)
				s.seg[s.p+i] ^= 1 << b
				if is {
					return (s.p+i)*8 + b, f.size, true
				}
				continue
			}
			wordless := isZero(s.seg[s.p : s.p+8])
			s.seg[s.p+i] ^= 1 << b
			g, is := s.validAt()
			is = is && s.agrees(g)
			s.seg[s.p+i] ^= 1 << b
			if is && wordless && s.sealed && !g.sealed { // unless another plain one follows
				next, ok := readFrame(s.seg, s.seq, s.p+g.size)
				is = ok && !next.sealed
			}
			if is {
				return (s.p+i)*8 + b, g.size, true
			}
		}
	}
	return 0, 0, false
}

// agrees tells whether the frame at p is as thin as it says.
func (s *scene) agrees(f plainFrame) bool {
	return !f.sealed || thinOf(s.seg[s.p:s.p+f.size], s.p) == f.thin
}

// piece is the part of a frame of the given size at p that lies in the sector of offset at.
func (s *scene) piece(at, size int) (from, to int) {
	from = at / 512 * 512
	return max(from, s.p), min(from+512, s.p+size)
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
