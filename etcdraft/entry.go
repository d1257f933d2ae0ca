package etcdraft

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"go.etcd.io/raft/v3/raftpb"
)

// The tags of an entry's fields, as raftpb encodes them.
const (
	tagType  = 1<<3 | byte(protowire.VarintType)
	tagTerm  = 2<<3 | byte(protowire.VarintType)
	tagIndex = 3<<3 | byte(protowire.VarintType)
	tagData  = 4<<3 | byte(protowire.BytesType)
)

// savedEntry encodes a raft entry as proto.Marshal does, without reflection: each field that is
// set, in the order of the numbers. It is what entries are saved as.
type savedEntry struct{ e *raftpb.Entry }

// AppendBinary implements encoding.BinaryAppender.
func (s *savedEntry) AppendBinary(b []byte) ([]byte, error) {
	e := s.e
	if e.Type != nil {
		b = protowire.AppendVarint(append(b, tagType), uint64(*e.Type))
	}
	if e.Term != nil {
		b = protowire.AppendVarint(append(b, tagTerm), *e.Term)
	}
	if e.Index != nil {
		b = protowire.AppendVarint(append(b, tagIndex), *e.Index)
	}
	if e.Data != nil {
		b = protowire.AppendBytes(append(b, tagData), e.Data)
	}
	return b, nil
}

// Marshal implements log.RecordData.
func (s *savedEntry) Marshal() ([]byte, error) { return s.AppendBinary(nil) }

// Unmarshal implements log.RecordData. Entries are read as storedEntry, never as what they are
// saved as.
func (s *savedEntry) Unmarshal([]byte) error { return fmt.Errorf("etcdraft: %T is only saved", s) }

// GetIndex implements log.LogEntry.
func (s *savedEntry) GetIndex() uint64 { return s.e.GetIndex() }

// Size implements log.LogEntry.
func (s *savedEntry) Size() int { return sizeOf(s.e) }

// sizeOf returns how many bytes the encoding of an entry has, which is what raft counts too.
func sizeOf(e *raftpb.Entry) (n int) {
	if e.Type != nil {
		n += 1 + protowire.SizeVarint(uint64(*e.Type))
	}
	if e.Term != nil {
		n += 1 + protowire.SizeVarint(*e.Term)
	}
	if e.Index != nil {
		n += 1 + protowire.SizeVarint(*e.Index)
	}
	if e.Data != nil {
		n += 1 + protowire.SizeBytes(len(e.Data))
	}
	return n
}

// storedEntry is what entries of the log are read as. The raft entry and what its fields point to
// are one piece of memory.
type storedEntry struct {
	entry       raftpb.Entry
	term, index uint64
	typ         raftpb.EntryType
}

// fields are those of an encoded entry.
type fields struct {
	has              [5]bool // by the number of the field
	typ, term, index uint64
	data             []byte
}

var errNumber = errors.New("the number of a field is out of range")

// parse decodes an entry. data aliases b. What raftpb does not know is passed over.
func parse(b []byte) (f fields, err error) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return f, protowire.ParseError(n)
		}
		if num > protowire.MaxValidNumber {
			return f, errNumber
		}
		b = b[n:]
		var v uint64
		switch {
		case num <= 3 && typ == protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case num == 4 && typ == protowire.BytesType:
			f.data, n = protowire.ConsumeBytes(b)
		default:
			num, n = 0, protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return f, protowire.ParseError(n)
		}
		b = b[n:]
		f.has[num] = true
		switch num {
		case 1:
			f.typ = v
		case 2:
			f.term = v
		case 3:
			f.index = v
		}
	}
	return f, nil
}

// UnmarshalShared implements log.SharedUnmarshaler.
func (s *storedEntry) UnmarshalShared(data []byte) error {
	f, err := parse(data)
	if err != nil {
		return err
	}
	s.entry.Type, s.entry.Term, s.entry.Index, s.entry.Data = nil, nil, nil, nil
	if f.has[1] {
		s.typ = raftpb.EntryType(f.typ)
		s.entry.Type = &s.typ
	}
	if f.has[2] {
		s.term = f.term
		s.entry.Term = &s.term
	}
	if f.has[3] {
		s.index = f.index
		s.entry.Index = &s.index
	}
	if f.has[4] {
		s.entry.Data = f.data[:len(f.data):len(f.data)]
	}
	return nil
}

// Unmarshal implements log.RecordData.
func (s *storedEntry) Unmarshal(data []byte) error {
	return s.UnmarshalShared(append([]byte(nil), data...))
}

// ReadIndex implements log.IndexReader.
func (s *storedEntry) ReadIndex(data []byte) (uint64, error) {
	f, err := parse(data)
	return f.index, err
}

// Marshal implements log.RecordData.
func (s *storedEntry) Marshal() ([]byte, error) { return (&savedEntry{&s.entry}).Marshal() }

// GetIndex implements log.LogEntry.
func (s *storedEntry) GetIndex() uint64 { return s.entry.GetIndex() }

// Size implements log.LogEntry.
func (s *storedEntry) Size() int { return sizeOf(&s.entry) }
