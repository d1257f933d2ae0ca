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
type Checker struct {
	buf [placeSize + MaxHead + 3]byte // a frame's position, its head, its flags and its sparsity
}

// placeSize is how many bytes of the check's input say where the frame stands.
const placeSize = 16

// place fills the first bytes of the buffer with a frame's position and its head, and returns how
// many there are.
func (c *Checker) place(p Position, head []byte) int {
	binary.LittleEndian.PutUint64(c.buf[:], p.Seq)
	binary.LittleEndian.PutUint64(c.buf[8:], uint64(p.Off))
	return placeSize + copy(c.buf[placeSize:placeSize+MaxHead], head)
}

// Sum returns the check over a frame's position p, its length word and record header (together
// head), its flags, its sparsity unless that is 0, and, of a control record, its data.
func (c *Checker) Sum(p Position, head []byte, flags byte, sparsity uint16, control []byte) uint32 {
	n := c.place(p, head)
	c.buf[n] = flags
	n++
	if sparsity > 0 {
		binary.LittleEndian.PutUint16(c.buf[n:], sparsity)
		n += 2
	}
	sum := crc32c.Update(0, c.buf[:n])
	if control != nil {
		sum = crc32c.Update(sum, control)
	}
	return sum
}

func MakeTrailer(check uint32, flags byte, sparsity uint16) uint64 {
	return uint64(check) | uint64(flags)<<32 | uint64(sparsity)<<40 | trailerMark<<56
}

// BeginSum returns the part of the check that covers the position of a frame and what precedes its
// payload. EndSum completes it.
func (c *Checker) BeginSum(p Position, head []byte) uint32 {
	return crc32c.Update(0, c.buf[:c.place(p, head)])
}

// EndSum completes a check that BeginSum began.
func EndSum(sum uint32, flags byte, sparsity uint16, control []byte) uint32 {
	sum = crc32c.Update(sum, []byte{flags})
	if sparsity > 0 {
		sum = crc32c.Update(sum, binary.LittleEndian.AppendUint16(nil, sparsity))
	}
	return crc32c.Update(sum, control)
}
