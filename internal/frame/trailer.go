package frame

import (
	"encoding/binary"

	"github.com/seed449c39bc/wal/internal/crc32c"
)

// The trailer of a record, and the check in it.

const (
	FlagSynced byte = 0x01 // every byte before this record was stable before it was written
	FlagCommit byte = 0x02 // the last record of one save
	FlagMask        = FlagSynced | FlagCommit

	trailerMark = 0xA5
)

// Checker computes the check of a trailer. Its buffers are there to spare
// allocations per record; a checker is for one goroutine.
type Checker struct{ buf []byte }

// Sum is the check over a frame's place, its length word and the record's
// header (together head), its flags, its thinness unless that is 0, and, in a crc record, its data.
func (c *Checker) Sum(p Position, head []byte, flags byte, thin uint16, control []byte) uint32 {
	b := binary.LittleEndian.AppendUint64(c.buf[:0], p.Seq)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Off))
	b = append(append(b, head...), flags)
	if thin > 0 {
		b = binary.LittleEndian.AppendUint16(b, thin)
	}
	b = append(b, control...)
	c.buf = b
	return crc32c.Update(0, b)
}

func MakeTrailer(check uint32, flags byte, thin uint16) uint64 {
	return uint64(check) | uint64(flags)<<32 | uint64(thin)<<40 | trailerMark<<56
}

// BeginSum returns the check over the place of a frame and what is before its payload; EndSum goes
// on with it.
func (c *Checker) BeginSum(p Position, head []byte) uint32 {
	b := binary.LittleEndian.AppendUint64(c.buf[:0], p.Seq)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Off))
	c.buf = append(b, head...)
	return crc32c.Update(0, c.buf)
}

// EndSum returns the whole check.
func EndSum(sum uint32, flags byte, thin uint16, control []byte) uint32 {
	sum = crc32c.Update(sum, []byte{flags})
	if thin > 0 {
		sum = crc32c.Update(sum, binary.LittleEndian.AppendUint16(nil, thin))
	}
	return crc32c.Update(sum, control)
}
