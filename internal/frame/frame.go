// Package frame is docs/FORMAT.md 2, 3 and 5 as pure functions, bytes in, bytes out: the length
// word, the record in it, the trailer with its check, and the control records. Nothing here reads a
// file. A frame is put together in encoder.go of the log, and taken apart here, by Parse. The
// record's fields and the trailer's tag are those of walpb. What is tested together with the
// encoder is tested in frames_test.go of the log.
package frame

import (
	"encoding/binary"
	"errors"

	"github.com/seed449c39bc/wal/internal/crc32c"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

const (
	WordSize   = 8   // bytes of the length word that a frame begins with, at a multiple of 8
	SectorSize = 512 // bytes that a disk writes as a whole or not at all
)

// Position is where a frame stands: the number of the segment, and the offset in it in bytes.
type Position struct {
	Seq uint64
	Off int64
}

// What can be wrong with a frame. Each text becomes the reason of a CorruptionError.
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

// Frame is one parsed frame. Its Data aliases the bytes that were parsed.
type Frame struct {
	Type       log.RecordType
	Crc        uint32 // the chain behind this record
	Data       []byte
	HasTrailer bool
	Flags      byte   // of the trailer
	Sparsity   uint16 // of the trailer: what SparsityOf returned when the frame was written
	Size       int64  // bytes of length word, record and padding
}

// Commits reports whether a save ends with this record. A record without a trailer is a save of its
// own.
func (f *Frame) Commits() bool { return !f.HasTrailer || f.Flags&FlagCommit != 0 }

// Chain returns the running checksum behind the record, given the one before it.
func (f *Frame) Chain(before uint32) uint32 {
	if f.Type == log.CrcType {
		return before
	}
	return crc32c.Update(before, f.Data)
}

// Parse parses the frame that stands at p into f. b holds at least as many bytes as its length word
// claims. Everything is verified but the chain. After an error f means nothing. It is filled in
// place, because every record that is read passes through here.
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
	header, trailer, ok := f.parseUsual(b[WordSize : WordSize+n])
	if !ok {
		r, size, err := walpb.ParseRecord(b[WordSize : WordSize+n])
		if err != nil {
			return ErrRecord
		}
		f.Type, f.Crc, f.Data = log.RecordType(r.Type), r.Crc, r.Data
		header, trailer = size, r.Trailer
	}
	f.HasTrailer, f.Flags, f.Sparsity = trailer != 0, byte(trailer>>32), uint16(trailer>>40)
	if !f.HasTrailer {
		return nil
	}
	if trailer != MakeTrailer(uint32(trailer), f.Flags, f.Sparsity) {
		return ErrTrailer
	}
	var control []byte
	if f.Type == log.CrcType {
		if control = f.Data; len(control) > MaxControl {
			return ErrRecord
		}
	}
	if c.Sum(p, b[:WordSize+header], f.Flags, f.Sparsity, control) != uint32(trailer) {
		return ErrCheck
	}
	return nil
}

// ParseAt is Parse for bytes that may hold anything, or end too early.
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
