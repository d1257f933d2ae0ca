package frame

import (
	"encoding/binary"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

const (
	// MaxHead is more than the bytes that a frame can have before its payload.
	MaxHead = 48
	// MaxControl is the most bytes of data that a control record has.
	MaxControl = 64
	// MaxFoot is the most bytes that a frame has behind its payload: trailer and padding.
	MaxFoot = walpb.TrailerSize + WordSize
)

// Outline is what the first bytes of a frame say about it. With it a frame of any size can be
// checked, but for its payload, by its first and its last bytes: something that only claims to be a
// large frame costs next to nothing.
type Outline struct {
	Type       log.RecordType
	Crc        uint32
	HeadSize   int   // bytes before the payload, the length word included
	DataSize   int64 // bytes of payload; -1 for a record without data
	FootAt     int64 // offset in the frame of the trailer or, without one, of the padding
	Size       int64 // bytes of the frame
	HasTrailer bool  // there is exactly the room for a trailer

	Flags    byte   // of the trailer; Vouch fills these in
	Sparsity uint16 // of the trailer
	Intact   bool   // it has a trailer, and all but the payload was verified; for callers of Vouch
}

// OutlineOf returns the outline of the frame that begins with b: MaxHead bytes, or as many as there
// are. A frame states its length twice, in its length word and as the length of its data. An error
// says that the two do not agree, or what else is malformed.
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

// Payload returns the payload out of b, the first bytes of the frame, which hold all of it.
func (o *Outline) Payload(b []byte) []byte {
	return b[o.HeadSize : int64(o.HeadSize)+max(o.DataSize, 0)]
}

// Vouch verifies all of the frame at p but its payload: the padding and, if there is one, the
// trailer with its check. It fills in the trailer's flags and sparsity. head holds the first bytes
// of the frame, with all the data of a control record; foot is all that follows the payload.
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

// MayBegin reports whether a frame may begin with the first WordSize+1 bytes of b. It is quick, and
// says no to nearly everything that is not the beginning of a frame.
func MayBegin(b []byte) bool {
	return b[WordSize] == recordTag && ValidWord(binary.LittleEndian.Uint64(b))
}

// recordTag is the first byte of every record.
const recordTag = 1 << 3
