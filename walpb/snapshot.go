package walpb

import "google.golang.org/protobuf/encoding/protowire"

// Snapshot is the default snapshot record. It says where a snapshot of the state machine was taken,
// and does not hold the snapshot itself. It is encoded as etcd's walpb.Snapshot is.
//
// The methods that only read it are safe for concurrent use.
type Snapshot struct {
	Index     uint64
	Term      uint64
	ConfState *ConfState // optional
}

// GetIndex returns the index of the last entry in the snapshot, or 0 for a nil snapshot.
func (s *Snapshot) GetIndex() uint64 {
	if s == nil {
		return 0
	}
	return s.Index
}

// GetTerm returns the term of the last entry in the snapshot, or 0 for a nil snapshot.
func (s *Snapshot) GetTerm() uint64 {
	if s == nil {
		return 0
	}
	return s.Term
}

// Size returns the exact size of the encoded snapshot in bytes.
func (s *Snapshot) Size() (n int) {
	if s == nil {
		return 0
	}
	n = sizeVarint(s.Index) + sizeVarint(s.Term)
	if s.ConfState != nil {
		n += 1 + protowire.SizeBytes(s.ConfState.Size())
	}
	return n
}

// AppendBinary appends the encoded snapshot to b. It allocates only if b has no room for Size more
// bytes. It fails only if the snapshot is nil.
func (s *Snapshot) AppendBinary(b []byte) ([]byte, error) {
	if s == nil {
		return b, errNil
	}
	b = appendVarint(b, 1, s.Index)
	b = appendVarint(b, 2, s.Term)
	if s.ConfState == nil {
		return b, nil
	}
	b = protowire.AppendTag(b, 3, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(s.ConfState.Size()))
	return s.ConfState.AppendBinary(b)
}

// Marshal returns the encoded snapshot. It fails only if the snapshot is nil.
func (s *Snapshot) Marshal() (data []byte, err error) {
	return s.AppendBinary(make([]byte, 0, s.Size()))
}

// Unmarshal replaces the snapshot by the one that is encoded in data. It does not keep data. An
// error is an ErrMalformed, and leaves the snapshot as it was.
func (s *Snapshot) Unmarshal(data []byte) error {
	var m Snapshot
	f := fields{message: "Snapshot", rest: data}
	for f.next() {
		switch f.num {
		case 1:
			m.Index = f.varint("Index")
		case 2:
			m.Term = f.varint("Term")
		case 3:
			m.mergeConfState(&f)
		default:
			f.skip()
		}
	}
	if f.err != nil {
		return f.err
	}
	*s = m
	return nil
}

// mergeConfState adds to the ConfState that the message held so far. protobuf requires that for a
// message field that comes more than once.
func (s *Snapshot) mergeConfState(f *fields) {
	data := f.bytes("ConfState")
	if f.err != nil {
		return
	}
	if s.ConfState == nil {
		s.ConfState = new(ConfState)
	}
	f.err = s.ConfState.merge("Snapshot.ConfState", data)
}
