package walpb

import (
	"bytes"

	"google.golang.org/protobuf/encoding/protowire"
)

// EntryType says what an entry's data is for.
type EntryType int32

// The entry types of etcd's raftpb.
const (
	EntryNormal       EntryType = 0
	EntryConfChange   EntryType = 1
	EntryConfChangeV2 EntryType = 2
)

// Entry is the default log entry. It is encoded as etcd's raftpb.Entry is.
//
// The methods that only read it are safe for concurrent use: all but Unmarshal and UnmarshalShared.
type Entry struct {
	Type  EntryType
	Term  uint64
	Index uint64
	Data  []byte // nil is not written, an empty slice is, and each is read back as it was
}

// GetIndex returns the entry's index, or 0 for a nil entry.
func (e *Entry) GetIndex() uint64 {
	if e == nil {
		return 0
	}
	return e.Index
}

// GetTerm returns the entry's term, or 0 for a nil entry.
func (e *Entry) GetTerm() uint64 {
	if e == nil {
		return 0
	}
	return e.Term
}

// Size returns the exact size of the encoded entry in bytes.
func (e *Entry) Size() (n int) {
	if e == nil {
		return 0
	}
	n = sizeVarint(uint64(e.Type)) + sizeVarint(e.Term) + sizeVarint(e.Index)
	if e.Data != nil {
		n += 1 + protowire.SizeBytes(len(e.Data))
	}
	return n
}

// AppendBinary appends the encoded entry to b. It allocates only if b has no room for Size more
// bytes. It fails only if the entry is nil.
func (e *Entry) AppendBinary(b []byte) ([]byte, error) {
	if e == nil {
		return b, errNil
	}
	b = appendVarint(b, 1, uint64(e.Type))
	b = appendVarint(b, 2, e.Term)
	b = appendVarint(b, 3, e.Index)
	if e.Data != nil {
		b = protowire.AppendTag(b, 4, protowire.BytesType)
		b = protowire.AppendBytes(b, e.Data)
	}
	return b, nil
}

// Marshal returns the encoded entry. It fails only if the entry is nil.
func (e *Entry) Marshal() (data []byte, err error) {
	return e.AppendBinary(make([]byte, 0, e.Size()))
}

// Unmarshal replaces the entry by the one that is encoded in data. It does not keep data. An error
// is an ErrMalformed, and leaves the entry as it was.
func (e *Entry) Unmarshal(data []byte) error {
	if err := e.UnmarshalShared(data); err != nil {
		return err
	}
	e.Data = bytes.Clone(e.Data)
	return nil
}

// UnmarshalShared is Unmarshal, but Data shares the memory of data.
func (e *Entry) UnmarshalShared(data []byte) error {
	typ, term, index, payload, ok := parseEntry(data)
	if !ok {
		m, err := parseAnyEntry(data)
		if err == nil {
			*e = m
		}
		return err
	}
	e.Type, e.Term, e.Index, e.Data = EntryType(typ), term, index, payload
	return nil
}

// ReadIndex returns the index of the entry that is encoded in data, and does not change e. It fails
// where Unmarshal fails.
func (e *Entry) ReadIndex(data []byte) (uint64, error) {
	if _, _, index, _, ok := parseEntry(data); ok {
		return index, nil
	}
	m, err := parseAnyEntry(data)
	return m.Index, err
}

// The tags of an Entry's fields, as every encoder writes them.
const (
	tagEntryType  = 1<<3 | byte(protowire.VarintType)
	tagEntryTerm  = 2<<3 | byte(protowire.VarintType)
	tagEntryIndex = 3<<3 | byte(protowire.VarintType)
	tagEntryData  = 4<<3 | byte(protowire.BytesType)
)

// parseEntry decodes the usual encoding of an entry: its fields with minimal tags, whatever their
// order. payload, the data field, aliases data. ok is false for everything else, which is for
// parseAnyEntry. Opening and reading a log spend their time here, so what it returns fits into
// registers.
func parseEntry(data []byte) (typ, term, index uint64, payload []byte, ok bool) {
	at := 0
	for len(data)-at > 1 {
		tag, v := data[at], uint64(data[at+1])
		at += 2
		if v >= 0x80 {
			var n int
			if v, n = protowire.ConsumeVarint(data[at-1:]); n < 0 {
				return 0, 0, 0, nil, false
			}
			at += n - 1
		}
		switch tag {
		case tagEntryType:
			typ = v
		case tagEntryTerm:
			term = v
		case tagEntryIndex:
			index = v
		case tagEntryData:
			if v > uint64(len(data)-at) {
				return 0, 0, 0, nil, false
			}
			end := at + int(v)
			payload = data[at:end:end]
			at = end
		default:
			return 0, 0, 0, nil, false
		}
	}
	return typ, term, index, payload, at == len(data)
}

// parseAnyEntry decodes an entry in any encoding that protobuf allows.
func parseAnyEntry(data []byte) (m Entry, err error) {
	f := fields{message: "Entry", rest: data}
	for f.next() {
		switch f.num {
		case 1:
			m.Type = EntryType(f.varint("Type"))
		case 2:
			m.Term = f.varint("Term")
		case 3:
			m.Index = f.varint("Index")
		case 4:
			m.Data = f.bytes("Data")
		default:
			f.skip()
		}
	}
	return m, f.err
}
