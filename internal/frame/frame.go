package frame

import (
	"encoding/binary"
	"errors"

	"github.com/seed449c39bc/wal/internal/crc32c"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// This file is docs/FORMAT.md sections 2, 3 and 5 as pure functions: bytes in,
// bytes out, no files.

const (
	WordSize   = 8   // a frame starts with a length word, at a multiple of 8
	SectorSize = 512 // what a disk writes whole or not at all
)

// Position is where a frame stands: the segment's sequence number and the offset in it.
type Position struct {
	Seq uint64
	Off int64
}

// What can be wrong with a frame. The texts become the reason of a CorruptionError.
var (
	ErrZeroWord           = errors.New("the length word is zero")
	ErrPastEnd            = errors.New("the frame reaches past the end of the segment")
	ErrWord               = errors.New("the length word is malformed")
	ErrPadding            = errors.New("the padding is not zero")
	ErrRecord             = errors.New("the record is malformed")
	ErrTrailer            = errors.New("the record's trailer is malformed")
	ErrCheck              = errors.New("the record's check does not match its header and place")
	ErrChain              = errors.New("the running checksum does not match the data")
	ErrTrailerBehindPlain = errors.New("a record with a trailer behind one without")
)

// Frame is one parsed frame. Its data aliases what was parsed.
type Frame struct {
	Type       log.RecordType
	Crc        uint32
	Data       []byte
	Flags      byte
	Sparsity   uint16 // its thinness when it was written
	HasTrailer bool
	Size       int64 // length word, record and padding
}

// Commits tells whether a save ends with this record. In a plain segment every record counts as its own.
func (f *Frame) Commits() bool { return !f.HasTrailer || f.Flags&FlagCommit != 0 }

// Chain returns the running checksum after the record, given the one before it.
func (f *Frame) Chain(before uint32) uint32 {
	if f.Type == log.CrcType {
		return before
	}
	return crc32c.Update(before, f.Data)
}

// Parse takes apart the frame in b, which begins at p and has at least the
// size that its length word claims. All is verified but the chain. After an error
// f means nothing. It is filled in place because every record read passes here.
func (c *Checker) Parse(f *Frame, b []byte, p Position) error {
	w := binary.LittleEndian.Uint64(b)
	if w == 0 {
		return ErrZeroWord
	}
	if !ValidWord(w) {
		return ErrWord
	}
	n := int64(w & wordLenMask)
	f.Size = SizeOf(w)
	pad := f.Size - WordSize - n
	if last := binary.LittleEndian.Uint64(b[f.Size-WordSize:]); last>>(8*(WordSize-pad)) != 0 {
		return ErrPadding
	}
	r, header, err := walpb.ParseRecord(b[WordSize : WordSize+n])
	if err != nil {
		return ErrRecord
	}
	f.Type, f.Crc, f.Data = log.RecordType(r.Type), r.Crc, r.Data
	f.HasTrailer, f.Flags, f.Sparsity = r.Trailer != 0, byte(r.Trailer>>32), uint16(r.Trailer>>40)
	if !f.HasTrailer {
		return nil
	}
	if r.Trailer != MakeTrailer(uint32(r.Trailer), f.Flags, f.Sparsity) {
		return ErrTrailer
	}
	var control []byte
	if f.Type == log.CrcType {
		if control = f.Data; len(control) > MaxControl {
			return ErrRecord
		}
	}
	if c.Sum(p, b[:WordSize+header], f.Flags, f.Sparsity, control) != uint32(r.Trailer) {
		return ErrCheck
	}
	return nil
}

// ParseAt is parse for bytes that may hold anything, or end too early.
func (c *Checker) ParseAt(b []byte, p Position) (Frame, error) {
	if len(b) < WordSize {
		return Frame{}, ErrPastEnd
	}
	if size := SizeOf(binary.LittleEndian.Uint64(b)); size > int64(len(b)) {
		return Frame{}, ErrPastEnd
	}
	var f Frame
	err := c.Parse(&f, b, p)
	return f, err
}
