package wal

import (
	"encoding/binary"
	"hash/crc32"
)

// The trailer of a record, and the check in it.

const (
	flagSynced byte = 0x01 // every byte before this record was stable before it was written
	flagCommit byte = 0x02 // the last record of one save
	flagMask        = flagSynced | flagCommit

	trailerMark = 0xA5
)

// checker computes the check of a trailer. Its buffers are there to spare
// allocations per record; a checker is for one goroutine.
type checker struct{ buf []byte }

// sum is the check over a frame's place, its length word and the record's
// header (together head), its flags, its thinness unless that is 0, and, in a crc record, its data.
func (c *checker) sum(p place, head []byte, flags byte, thin uint16, control []byte) uint32 {
	b := binary.LittleEndian.AppendUint64(c.buf[:0], p.seq)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.off))
	b = append(append(b, head...), flags)
	if thin > 0 {
		b = binary.LittleEndian.AppendUint16(b, thin)
	}
	b = append(b, control...)
	c.buf = b
	return crc32.Checksum(b, castagnoli)
}

func makeTrailer(check uint32, flags byte, thin uint16) uint64 {
	return uint64(check) | uint64(flags)<<32 | uint64(thin)<<40 | trailerMark<<56
}

// begin returns the check over the place of a frame and what is before its payload; endCheck goes
// on with it.
func (c *checker) begin(p place, head []byte) uint32 {
	b := binary.LittleEndian.AppendUint64(c.buf[:0], p.seq)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.off))
	c.buf = append(b, head...)
	return crc32.Checksum(c.buf, castagnoli)
}

// endCheck returns the whole check.
func endCheck(sum uint32, flags byte, thin uint16, control []byte) uint32 {
	sum = checksum(sum, []byte{flags})
	if thin > 0 {
		sum = checksum(sum, binary.LittleEndian.AppendUint16(nil, thin))
	}
	return checksum(sum, control)
}
