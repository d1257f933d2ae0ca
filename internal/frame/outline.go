package frame

import (
	"encoding/binary"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

const (
	// MaxHead is how many bytes of a frame hold all that is before its payload, at least.
	MaxHead = 48
	// MaxControl is the largest data of a control record, in bytes.
	MaxControl = 64
	// MaxFoot is the most that is behind the payload, in bytes: trailer and padding.
	MaxFoot = walpb.TrailerSize + WordSize
)

// Outline is what the first bytes of a frame tell of it. So a frame of any size can be judged
// without reading it, and what claims to be one costs next to nothing.
type Outline struct {
	Type       log.RecordType
	Crc        uint32
	HeadSize   int   // bytes before the payload, length word included
	DataSize   int64 // bytes of payload; -1: the record has no data
	FootAt     int64 // where the trailer begins in the frame or, without one, the padding
	Size       int64 // of the frame
	HasTrailer bool  // there is room for a trailer, exactly

	Flags    byte   // of the trailer, once it was looked at
	Sparsity uint16 // of the trailer
	Intact   bool   // it has a trailer, and all but the payload is right
}

// OutlineOf returns the outline of the frame that begins with b, which are MaxHead bytes, or as
// many as there are. The frame states its length twice: in its length word, and with that of its
// data. If the two do not agree, or anything else is malformed, the error says so.
func OutlineOf(b []byte) (o Outline, err error) {
	if len(b) < WordSize {
		return o, ErrPastEnd
	}
	w := binary.LittleEndian.Uint64(b)
	if w == 0 {
		return o, ErrZeroWord
	}
	if !ValidWord(w) {
		return o, ErrWord
	}
	n := RecordSize(w)
	o.Size = SizeOf(w)
	rec := b[WordSize:min(int64(len(b)), WordSize+n)]
	r, header, err := walpb.ParseRecordHeader(rec)
	if err != nil {
		return o, ErrRecord
	}
	o.Type, o.Crc, o.DataSize, o.HeadSize = log.RecordType(r.Type), r.Crc, r.DataLen, WordSize+header
	if o.DataSize > n {
		return o, ErrRecord
	}
	o.FootAt = int64(o.HeadSize) + max(o.DataSize, 0)
	switch WordSize + n - o.FootAt {
	case 0:
	case walpb.TrailerSize:
		o.HasTrailer = true
	default:
		return o, ErrRecord
	}
	if o.HasTrailer && o.Type == log.CrcType && o.DataSize > MaxControl {
		return o, ErrRecord
	}
	return o, nil
}

// Payload returns the frame's payload as far as it is in b, the first bytes of the frame.
func (o *Outline) Payload(b []byte) []byte {
	return b[o.HeadSize : int64(o.HeadSize)+max(o.DataSize, 0)]
}

// Vouch verifies all of a frame at p but its payload: padding and, if there is one, the trailer
// and its check, which it adds to the outline. head are the frame's first bytes, with all of a
// control record's data among them, and foot is all that is behind its payload.
func (c *Checker) Vouch(o *Outline, head, foot []byte, p Position) error {
	used := 0
	if o.HasTrailer {
		used = walpb.TrailerSize
	}
	for _, b := range foot[used:] {
		if b != 0 {
			return ErrPadding
		}
	}
	if !o.HasTrailer {
		return nil
	}
	if foot[0] != walpb.TrailerTag {
		return ErrRecord
	}
	trailer := binary.LittleEndian.Uint64(foot[1:])
	o.Flags, o.Sparsity = byte(trailer>>32), uint16(trailer>>40)
	if trailer != MakeTrailer(uint32(trailer), o.Flags, o.Sparsity) {
		return ErrTrailer
	}
	var control []byte
	if o.Type == log.CrcType {
		control = o.Payload(head)
	}
	if c.Sum(p, head[:o.HeadSize], o.Flags, o.Sparsity, control) != uint32(trailer) {
		return ErrCheck
	}
	return nil
}

// MayBegin tells whether a frame with a record may begin so. It sees most that is none.
func MayBegin(b []byte) bool {
	return b[WordSize] == recordTag && ValidWord(binary.LittleEndian.Uint64(b))
}

// recordTag is the first byte of every record.
const recordTag = 1 << 3
