package oracle

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/seed449c39bc/wal/log"
)

// Frame is a frame, as docs/FORMAT.md 2 and 3 have it.
type Frame struct {
	Type      int64
	CRC       uint32
	Data      []byte // nil: the field is absent
	Trailered bool
	Flags     byte
	Sparsity  uint16
	Header    int // bytes before the payload, the length word included
	Size      int
}

// CRC returns the CRC-32C of data that continues a chain.
func CRC(before uint32, data []byte) uint32 {
	// the standard library's is not under test
	return crc32.Update(before, crc32.MakeTable(crc32.Castagnoli), data)
}

// Written returns the bytes of the frame at an offset of segment seq as a log writes them: with its
// sparsity.
func (f Frame) Written(seq uint64, off int) []byte {
	f.Sparsity = 0
	b := f.Build(seq, off)
	if f.Trailered {
		f.Sparsity = SparsityOf(b, off)
	}
	return f.Build(seq, off)
}

// SparsityOf returns the sum over the sectors that a frame at an offset touches: 2 for each without
// a bit set, 1 for each with one bit.
func SparsityOf(frame []byte, off int) uint16 {
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

// Build returns the bytes of the frame at an offset of segment seq.
func (f Frame) Build(seq uint64, off int) []byte {
	rec := protowire.AppendTag(nil, 1, protowire.VarintType)
	rec = protowire.AppendVarint(rec, uint64(f.Type))
	rec = protowire.AppendTag(rec, 2, protowire.VarintType)
	rec = protowire.AppendVarint(rec, uint64(f.CRC))
	head := len(rec)
	if f.Data != nil {
		rec = protowire.AppendTag(rec, 3, protowire.BytesType)
		rec = protowire.AppendBytes(rec, f.Data)
		head = len(rec) - len(f.Data)
	}
	n := len(rec)
	if f.Trailered {
		n += 9
	}
	pad := (8 - n%8) % 8
	word := uint64(n)
	if pad > 0 {
		word |= 1<<63 | uint64(pad)<<56
	}
	out := append(binary.LittleEndian.AppendUint64(nil, word), rec...)
	if f.Trailered {
		sum := f.sum(seq, off, out[:8+head])
		out = protowire.AppendTag(out, 4, protowire.Fixed64Type)
		out = protowire.AppendFixed64(out,
			uint64(sum)|uint64(f.Flags)<<32|uint64(f.Sparsity)<<40|0xA5<<56)
	}
	return append(out, make([]byte, pad)...)
}

// sum returns the check over a frame that begins with head.
func (f Frame) sum(seq uint64, off int, head []byte) uint32 {
	covered := binary.LittleEndian.AppendUint64(nil, seq)
	covered = binary.LittleEndian.AppendUint64(covered, uint64(off))
	covered = append(append(covered, head...), f.Flags)
	if f.Sparsity > 0 {
		covered = append(covered, byte(f.Sparsity), byte(f.Sparsity>>8))
	}
	if f.Type == int64(log.CrcType) {
		covered = append(covered, f.Data...)
	}
	return CRC(0, covered)
}

var wireTypes = [...]protowire.Type{1: protowire.VarintType, 2: protowire.VarintType,
	3: protowire.BytesType, 4: protowire.Fixed64Type}

// ReadFrame returns the frame at off in the segment, and whether it is right in all but its chain.
// If only its fields are well formed, it returns them. The data is that of seg.
func ReadFrame(seg []byte, seq uint64, off int) (f Frame, ok bool) {
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
			return Frame{}, false
		}
		wire := protowire.SizeTag(num)
		switch num {
		case 1, 2:
			v, k := protowire.ConsumeVarint(rest[wire:])
			if k < 0 {
				return Frame{}, false
			}
			if num == 1 {
				f.Type = int64(v)
			} else {
				f.CRC = uint32(v)
			}
			f.Header = 8 + len(b) - len(rest) + m
		case 3:
			v, k := protowire.ConsumeBytes(rest[wire:])
			if k < 0 {
				return Frame{}, false
			}
			f.Data = v
			f.Header = 8 + len(b) - len(rest) + m - len(v)
		case 4:
			v, k := protowire.ConsumeFixed64(rest[wire:])
			if k < 0 {
				return Frame{}, false
			}
			f.Trailered, f.Flags, f.Sparsity = true, byte(v>>32), uint16(v>>40)
		}
		last, rest = num, rest[m:]
	}
	again := f.Build(seq, off)
	f.Size = len(again)
	return f, f.Size <= len(seg)-off && bytes.Equal(again, seg[off:off+f.Size])
}

// IsZero reports whether all bytes are zero.
func IsZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
