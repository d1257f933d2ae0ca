package wal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// This file is docs/FORMAT.md sections 2, 3 and 5 as pure functions: bytes in,
// bytes out, no files.

const (
	wordSize   = 8   // a frame starts with a length word, at a multiple of 8
	sectorSize = 512 // what a disk writes whole or not at all
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// place is where a frame stands: the segment's sequence number and the offset in it.
type place struct {
	seq uint64
	off int64
}

// What can be wrong with a frame. The texts become the reason of a CorruptionError.
var (
	errZeroWord = errors.New("the length word is zero")
	errPastEnd  = errors.New("the frame reaches past the end of the segment")
	errWord     = errors.New("the length word is malformed")
	errPadding  = errors.New("the padding is not zero")
	errRecord   = errors.New("the record is malformed")
	errTrailer  = errors.New("the record's trailer is malformed")
	errCheck    = errors.New("the record's check does not match its header and place")
	errChain    = errors.New("the running checksum does not match the data")
	errSealed   = errors.New("a record with a trailer behind one without")
)

// frame is one parsed frame. Its data aliases what was parsed.
type frame struct {
	typ    log.RecordType
	crc    uint32
	data   []byte
	flags  byte
	thin   uint16 // its thinness when it was written
	sealed bool
	size   int64 // length word, record and padding
}

// commits tells whether a save ends with this record. In a plain segment every record counts as its own.
func (f *frame) commits() bool { return !f.sealed || f.flags&flagCommit != 0 }

// chain returns the running checksum after the record, given the one before it.
func (f *frame) chain(before uint32) uint32 {
	if f.typ == log.CrcType {
		return before
	}
	return crc32.Update(before, castagnoli, f.data)
}

// parse takes apart the frame in b, which begins at p and has at least the
// size that its length word claims. All is verified but the chain. After an error
// f means nothing. It is filled in place because every record read passes here.
func (c *checker) parse(f *frame, b []byte, p place) error {
	w := binary.LittleEndian.Uint64(b)
	if w == 0 {
		return errZeroWord
	}
	if !wordOK(w) {
		return errWord
	}
	n := int64(w & wordLenMask)
	f.size = frameSize(w)
	pad := f.size - wordSize - n
	if last := binary.LittleEndian.Uint64(b[f.size-wordSize:]); last>>(8*(wordSize-pad)) != 0 {
		return errPadding
	}
	r, header, err := walpb.ParseRecord(b[wordSize : wordSize+n])
	if err != nil {
		return errRecord
	}
	f.typ, f.crc, f.data = log.RecordType(r.Type), r.Crc, r.Data
	f.sealed, f.flags, f.thin = r.Trailer != 0, byte(r.Trailer>>32), uint16(r.Trailer>>40)
	if !f.sealed {
		return nil
	}
	if r.Trailer != makeTrailer(uint32(r.Trailer), f.flags, f.thin) {
		return errTrailer
	}
	var control []byte
	if f.typ == log.CrcType {
		if control = f.data; len(control) > maxControl {
			return errRecord
		}
	}
	if c.sum(p, b[:wordSize+header], f.flags, f.thin, control) != uint32(r.Trailer) {
		return errCheck
	}
	return nil
}

// parseAt is parse for bytes that may hold anything, or end too early.
func (c *checker) parseAt(b []byte, p place) (frame, error) {
	if len(b) < wordSize {
		return frame{}, errPastEnd
	}
	if size := frameSize(binary.LittleEndian.Uint64(b)); size > int64(len(b)) {
		return frame{}, errPastEnd
	}
	var f frame
	err := c.parse(&f, b, p)
	return f, err
}
