package frame

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// These are the tags of a record's first three fields, as walpb.AppendRecordHeader writes them.
const (
	tagType = 1 << 3 // a varint
	tagCrc  = 2 << 3
	tagData = 3<<3 | 2 // bytes
)

// parseUsual parses what nearly every record is: one of a type below 128 with a trailer and with a
// payload of less than 16 KiB. It fills in f what stands before the payload, and the payload, and
// returns the size of the first in bytes, and the trailer. ok is false if b is anything else, valid
// or not: that is for walpb.ParseRecord. What both accept, they read alike.
//
// Opening and reading a log spend their time here. A varint is taken apart without a loop, and what
// is returned fits into registers.
func (f *Frame) parseUsual(b []byte) (header int, trailer uint64, ok bool) {
	const before = 3 + 5 + 1 + 2 // what stands before the payload has no more bytes
	if len(b) < before || b[0] != tagType || b[1] >= 0x80 || b[2] != tagCrc {
		return 0, 0, false
	}
	word := binary.LittleEndian.Uint64(b[3:])
	n := bits.TrailingZeros64(^word&0x80_80_80_80_80)/8 + 1 // bytes of the crc's varint
	if n > 5 {
		return 0, 0, false
	}
	word &= 1<<(8*n) - 1
	if n > 1 && word>>(8*(n-1)) == 0 { // its last byte adds nothing
		return 0, 0, false
	}
	crc := word&0x7f | word>>1&(0x7f<<7) | word>>2&(0x7f<<14) | word>>3&(0x7f<<21) |
		word>>4&(0x7f<<28)
	size := int(b[4+n])
	header = 5 + n
	if size >= 0x80 {
		second := int(b[header])
		if second == 0 || second >= 0x80 {
			return 0, 0, false
		}
		size = size&0x7f | second<<7
		header++
	}
	if crc > math.MaxUint32 || b[3+n] != tagData || len(b)-header != size+walpb.TrailerSize ||
		b[header+size] != walpb.TrailerTag {
		return 0, 0, false
	}
	f.Type, f.Crc = log.RecordType(b[1]), uint32(crc)
	f.Data = b[header : header+size : header+size]
	trailer = binary.LittleEndian.Uint64(b[header+size+1:])
	return header, trailer, trailer != 0
}
