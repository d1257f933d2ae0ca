package frame

import (
	"encoding/binary"

	"github.com/seed449c39bc/wal/internal/crc32c"
)

// The trailer of a record, and the check in it.

const (
	FlagSynced byte = 0x01 // all before it was on disk before it became part of the log
	FlagCommit byte = 0x02 // it is the last record of a save
	FlagMask        = FlagSynced | FlagCommit

	trailerMark = 0xA5
)

// Checker computes the check of a trailer. It has a buffer, which spares an allocation per record,
// and so is for one goroutine at a time.
type Checker struct{ buf []byte }

// Sum returns the check over a frame's position p, its length word and record header (together
// head), its flags, its sparsity unless that is 0, and, of a control record, its data.
func (c *Checker) Sum(p Position, head []byte, flags byte, sparsity uint16, control []byte) uint32 {
	b := binary.LittleEndian.AppendUint64(c.buf[:0], p.Seq)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Off))
	b = append(append(b, head...), flags)
	if sparsity > 0 {
		b = binary.LittleEndian.AppendUint16(b, sparsity)
	}
	b = append(b, control...)
	c.buf = b
	return crc32c.Update(0, b)
}

func MakeTrailer(check uint32, flags byte, sparsity uint16) uint64 {
	return uint64(check) | uint64(flags)<<32 | uint64(sparsity)<<40 | trailerMark<<56
}

// BeginSum returns the part of the check that covers the position of a frame and what precedes its
// payload. EndSum completes it.
func (c *Checker) BeginSum(p Position, head []byte) uint32 {
	b := binary.LittleEndian.AppendUint64(c.buf[:0], p.Seq)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Off))
	c.buf = append(b, head...)
	return crc32c.Update(0, c.buf)
}

// EndSum completes a check that BeginSum began.
func EndSum(sum uint32, flags byte, sparsity uint16, control []byte) uint32 {
	sum = crc32c.Update(sum, []byte{flags})
	if sparsity > 0 {
		sum = crc32c.Update(sum, binary.LittleEndian.AppendUint16(nil, sparsity))
	}
	return crc32c.Update(sum, control)
}
