package wal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"math/bits"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// This file is docs/FORMAT.md sections 2, 3 and 5 as pure functions: bytes in,
// bytes out, no files.

const (
	wordSize   = 8   // a frame starts with a length word, at a multiple of 8
	sectorSize = 512 // what a disk writes whole or not at all

	wordPadded   = 1 << 63
	wordPadShift = 56
	wordPadMask  = 7 << wordPadShift
	wordLenMask  = 1<<56 - 1

	flagSynced byte = 0x01 // every byte before this record was stable before it was written
	flagCommit byte = 0x02 // the last record of one save
	flagMask        = flagSynced | flagCommit

	trailerMark = 0xA5

	controlClosed   byte = 0x01
	controlTruncate byte = 0x02
	controlRestore  byte = 0x03
	controlCompact  byte = 0x04
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

// control returns the data of a control record, nil for any other record.
func (f *frame) control() []byte {
	if f.typ != log.CrcType || !f.sealed || len(f.data) == 0 {
		return nil
	}
	return f.data
}

// chain returns the running checksum after the record, given the one before it.
func (f *frame) chain(before uint32) uint32 {
	if f.typ == log.CrcType {
		return before
	}
	return crc32.Update(before, castagnoli, f.data)
}

func padding(n int64) int64 { return -n & (wordSize - 1) }

func makeWord(n int64) uint64 {
	pad := uint64(padding(n))
	if pad == 0 {
		return uint64(n)
	}
	return uint64(n) | wordPadded | pad<<wordPadShift
}

// wordOK tells whether w is the length word of some record.
func wordOK(w uint64) bool { return w == makeWord(int64(w&wordLenMask)) && w&wordLenMask != 0 }

// frameSize is the size of the frame that a length word claims, be it damaged or not.
func frameSize(w uint64) int64 {
	n := int64(w & wordLenMask)
	return wordSize + n + padding(n)
}

// checker computes the check of a trailer. Its buffers are there to spare
// allocations per record; a checker is for one goroutine.
type checker struct {
	buf  []byte
	head [headSize + maxControl]byte
	foot [footSize]byte
}

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

// thinness is the sum over the pieces of a frame, cut at the borders of sectors, of 2 for
// one that is all zeros and 1 for one with a single bit set; no more than the trailer
// can hold. b is the frame without its trailer, whose pieces add nothing, and off its offset.
//
// It tells a lost sector from a flipped bit. A torn record that lost a sector of its
// data can look, by chance, as if one bit of it were flipped. But the lost sector reads as
// zeros, which adds 2 to the thinness, and one bit put back, wherever it is, takes at most
// 1 away: so the record still does not agree with its trailer. If the sector had one bit only, the record
// with another bit put back would differ from the true one in two, which a CRC tells apart.
func thinness(b []byte, off int64) uint16 {
	sum := 0
	for len(b) > 0 {
		piece := b[:min(int64(len(b)), sectorSize-off%sectorSize)]
		// The piece that the trailer begins in is not thin, whatever is before.
		if len(piece) < len(b) || (off+int64(len(piece)))%sectorSize == 0 {
			sum += 2 - bitsUpTo2(piece)
		}
		b, off = b[len(piece):], off+int64(len(piece))
	}
	return uint16(min(sum, math.MaxUint16))
}

// bitsUpTo2 counts the bits that are set in b, but no further than 2.
func bitsUpTo2(b []byte) int {
	set := 0
	for ; len(b) >= wordSize && set < 2; b = b[wordSize:] {
		set += bits.OnesCount64(binary.LittleEndian.Uint64(b))
	}
	for i := 0; i < len(b) && set < 2; i++ {
		set += bits.OnesCount8(b[i])
	}
	return min(set, 2)
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

func closedData() []byte { return []byte{controlClosed} }

// controlData is the data of a control record with an index: TRUNCATE, RESTORE or COMPACT.
func controlData(kind byte, index uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte{kind}, index)
}

// parseControl returns what kind of control record with an index the data is of, and the index.
func parseControl(data []byte) (kind byte, index uint64, ok bool) {
	if len(data) != wordSize+1 || data[0] < controlTruncate || data[0] > controlCompact {
		return 0, 0, false
	}
	return data[0], binary.LittleEndian.Uint64(data[1:]), true
}
