package walpb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrMalformed is wrapped by every error of decoding: the bytes are not an encoding of the message.
var ErrMalformed = errors.New("walpb: malformed message")

// Recovery calls ParseRecord at one offset after the other, so its errors are created once.
var (
	errRecordType    = fmt.Errorf("%w: Record: no valid type field at its start", ErrMalformed)
	errRecordCrc     = fmt.Errorf("%w: Record: no valid crc field behind the type", ErrMalformed)
	errRecordData    = fmt.Errorf("%w: Record: the data field's length is not valid", ErrMalformed)
	errRecordTrailer = fmt.Errorf("%w: Record: the trailer is cut short or zero", ErrMalformed)
	errRecordRest    = fmt.Errorf("%w: Record: unexpected bytes behind its fields", ErrMalformed)
)

// The tags of a Record's fields. Each is one byte.
const (
	tagRecordType    = 1<<3 | byte(protowire.VarintType)
	tagRecordCrc     = 2<<3 | byte(protowire.VarintType)
	tagRecordData    = 3<<3 | byte(protowire.BytesType)
	tagRecordTrailer = 4<<3 | byte(protowire.Fixed64Type)
)

// TrailerTag is the byte that a trailer field begins with.
const TrailerTag = tagRecordTrailer

// TrailerSize is the size of the trailer field in bytes: its tag and eight bytes.
const TrailerSize = 9

// Record is one decoded record.
type Record struct {
	Type    int64
	Crc     uint32 // running CRC-32C
	Data    []byte // nil if the field is absent; aliases the bytes that were parsed
	Trailer uint64 // 0 if the field is absent
}

// AppendRecordHeader appends what comes before the payload of a record: the fields type and crc,
// and the tag and the length of the data field. If dataLen is negative, it leaves the data field
// out. The caller appends the payload and the trailer.
func AppendRecordHeader(b []byte, typ int64, crc uint32, dataLen int) []byte {
	b = append(b, tagRecordType)
	b = protowire.AppendVarint(b, uint64(typ))
	b = append(b, tagRecordCrc)
	b = protowire.AppendVarint(b, uint64(crc))
	if dataLen < 0 {
		return b
	}
	b = append(b, tagRecordData)
	return protowire.AppendVarint(b, uint64(dataLen))
}

// RecordHeaderSize returns the number of bytes that AppendRecordHeader appends.
func RecordHeaderSize(typ int64, crc uint32, dataLen int) int {
	n := 1 + protowire.SizeVarint(uint64(typ)) + 1 + protowire.SizeVarint(uint64(crc))
	if dataLen < 0 {
		return n
	}
	return n + 1 + protowire.SizeVarint(uint64(dataLen))
}

// AppendTrailer appends the trailer field, TrailerSize bytes.
func AppendTrailer(b []byte, trailer uint64) []byte {
	b = append(b, tagRecordTrailer)
	return binary.LittleEndian.AppendUint64(b, trailer)
}

// RecordHeader is what stands in a record before its payload.
type RecordHeader struct {
	Type    int64
	Crc     uint32
	DataLen int64 // the length of the payload in bytes; -1 if the field is absent
}

// ParseRecordHeader parses the beginning of a record, exactly as AppendRecordHeader encodes it. b
// need not hold all of the record. n is the number of bytes that were parsed. An error is an
// ErrMalformed. ParseRecordHeader does not allocate.
func ParseRecordHeader(b []byte) (h RecordHeader, n int, err error) {
	typ, n := consumeRecordVarint(b, tagRecordType)
	if n < 0 {
		return RecordHeader{}, 0, errRecordType
	}
	crc, m := consumeRecordVarint(b[n:], tagRecordCrc)
	if m < 0 || crc > math.MaxUint32 {
		return RecordHeader{}, 0, errRecordCrc
	}
	h = RecordHeader{Type: int64(typ), Crc: uint32(crc), DataLen: -1}
	n += m
	if len(b) > n && b[n] == tagRecordData {
		size, m := consumeRecordVarint(b[n:], tagRecordData)
		if m < 0 || size > math.MaxInt64 {
			return RecordHeader{}, 0, errRecordData
		}
		h.DataLen = int64(size)
		n += m
	}
	return h, n, nil
}

// ParseRecord parses a record that b holds exactly, without further bytes. It accepts only the one
// encoding that a record has: the fields in ascending order, each at most once, type and crc always
// there, varints of minimal length, a crc below 2^32, and no trailer of value 0. So no two byte
// strings parse to the same record, and a changed bit cannot hide in the encoding.
//
// header is the number of bytes before the payload or, without a data field, before the trailer or
// the end. An error is an ErrMalformed. ParseRecord does not allocate.
func ParseRecord(b []byte) (r Record, header int, err error) {
	typ, n := consumeRecordVarint(b, tagRecordType)
	if n < 0 {
		return Record{}, 0, errRecordType
	}
	crc, m := consumeRecordVarint(b[n:], tagRecordCrc)
	if m < 0 || crc > math.MaxUint32 {
		return Record{}, 0, errRecordCrc
	}
	r.Type, r.Crc = int64(typ), uint32(crc)
	header = n + m
	rest := b[header:]
	if len(rest) > 0 && rest[0] == tagRecordData {
		size, n := consumeRecordVarint(rest, tagRecordData)
		if n < 0 || size > uint64(len(rest)-n) {
			return Record{}, 0, errRecordData
		}
		header += n
		end := n + int(size)
		r.Data = rest[n:end:end]
		rest = rest[end:]
	}
	if len(rest) == 0 {
		return r, header, nil
	}
	if rest[0] != tagRecordTrailer || len(rest) > TrailerSize {
		return Record{}, 0, errRecordRest
	}
	if len(rest) == TrailerSize {
		r.Trailer = binary.LittleEndian.Uint64(rest[1:])
	}
	if r.Trailer == 0 {
		return Record{}, 0, errRecordTrailer
	}
	return r, header, nil
}

// consumeRecordVarint parses a field's tag and a varint of minimal length. n is the size of both,
// or negative if b does not start with them. It is called three times for every record that is
// read.
func consumeRecordVarint(b []byte, tag byte) (v uint64, n int) {
	if len(b) < 2 || b[0] != tag {
		return 0, -1
	}
	if b[1] < 0x80 {
		return uint64(b[1]), 2
	}
	v = uint64(b[1] & 0x7f)
	for i, shift := 2, 7; i < len(b) && shift < 63; i, shift = i+1, shift+7 {
		c := b[i]
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if c == 0 {
				return 0, -1 // the last byte adds nothing
			}
			return v, i + 1
		}
	}
	v, n = protowire.ConsumeVarint(b[1:]) // a varint of ten bytes, or none
	if n < 0 || b[n] == 0 {
		return 0, -1
	}
	return v, 1 + n
}
