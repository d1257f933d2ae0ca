package wal

import (
	"encoding/binary"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

const (
	// headSize is how many bytes of a frame hold all that is before its payload, at least.
	headSize = 48
	// maxControl is the largest data of a control record, in bytes.
	maxControl = 64
	// footSize is the most that is behind the payload, in bytes: trailer and padding.
	footSize = walpb.TrailerSize + wordSize
)

// outline is what the first bytes of a frame tell of it. So a frame of any size can be judged
// without reading it, and what claims to be one costs next to nothing.
type outline struct {
	typ    log.RecordType
	crc    uint32
	header int   // bytes before the payload, length word included
	data   int64 // bytes of payload; -1: the record has no data
	foot   int64 // where the trailer begins in the frame or, without one, the padding
	size   int64 // of the frame
	sealed bool  // there is room for a trailer, exactly

	flags byte   // of the trailer, once it was looked at
	thin  uint16 // of the trailer
	right bool   // it has a trailer, and all but the payload is right
}

// outlineOf returns the outline of the frame that begins with b, which are headSize bytes, or as
// many as there are. The frame states its length twice: in its length word, and with that of its
// data. If the two do not agree, or anything else is malformed, the error says so.
func outlineOf(b []byte) (o outline, err error) {
	if len(b) < wordSize {
		return o, errPastEnd
	}
	w := binary.LittleEndian.Uint64(b)
	if w == 0 {
		return o, errZeroWord
	}
	if !wordOK(w) {
		return o, errWord
	}
	n := int64(w & wordLenMask)
	o.size = frameSize(w)
	rec := b[wordSize:min(int64(len(b)), wordSize+n)]
	r, header, err := walpb.ParseRecordHeader(rec)
	if err != nil {
		return o, errRecord
	}
	o.typ, o.crc, o.data, o.header = log.RecordType(r.Type), r.Crc, r.DataLen, wordSize+header
	if o.data > n {
		return o, errRecord
	}
	o.foot = int64(o.header) + max(o.data, 0)
	switch wordSize + n - o.foot {
	case 0:
	case walpb.TrailerSize:
		o.sealed = true
	default:
		return o, errRecord
	}
	if o.sealed && o.typ == log.CrcType && o.data > maxControl {
		return o, errRecord
	}
	return o, nil
}

// payload returns the frame's payload as far as it is in b, the first bytes of the frame.
func (o *outline) payload(b []byte) []byte { return b[o.header : int64(o.header)+max(o.data, 0)] }

// vouch verifies all of a frame at p but its payload: padding and, if there is one, the trailer
// and its check, which it adds to the outline. head are the frame's first bytes, with all of a
// control record's data among them, and foot is all that is behind its payload.
func (c *checker) vouch(o *outline, head, foot []byte, p place) error {
	used := 0
	if o.sealed {
		used = walpb.TrailerSize
	}
	for _, b := range foot[used:] {
		if b != 0 {
			return errPadding
		}
	}
	if !o.sealed {
		return nil
	}
	if foot[0] != walpb.TrailerTag {
		return errRecord
	}
	trailer := binary.LittleEndian.Uint64(foot[1:])
	o.flags, o.thin = byte(trailer>>32), uint16(trailer>>40)
	if trailer != makeTrailer(uint32(trailer), o.flags, o.thin) {
		return errTrailer
	}
	var control []byte
	if o.typ == log.CrcType {
		control = o.payload(head)
	}
	if c.sum(p, head[:o.header], o.flags, o.thin, control) != uint32(trailer) {
		return errCheck
	}
	return nil
}

// mayBegin tells whether a frame with a record may begin so. It sees most that is none.
func mayBegin(b []byte) bool {
	return b[wordSize] == recordTag && wordOK(binary.LittleEndian.Uint64(b))
}

// recordTag is the first byte of every record.
const recordTag = 1 << 3
