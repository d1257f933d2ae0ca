package codec

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"

	"github.com/seed449c39bc/wal/internal/embedding"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// SavedTypes knows the Go types of the records that a log saves. They need not be those of its
// registry, but the registry must read them back. So each type is tried: its first record is
// encoded and decoded as a reader of the log decodes it, and must have the same index. A save that
// fails the trial is refused, because no open would get past it.
//
// Of each type the records 1, 2, 4, 8 and so on are tried, which costs next to nothing, and the
// first one with an index above 0, because 0 is also what a decoder returns that reads nothing. If
// the registered type reads indexes without decoding, the index of every entry is compared. The
// log's writer lock guards all of it.
type SavedTypes struct {
	registry *log.Registry
	peek     log.IndexReader // reads the index of an encoded entry; nil if the type cannot
	last     [log.SnapshotType + 1]*SavedType
	all      map[kindOfType]*SavedType
	prev     log.HardState // what MustSync is given; nil until it is needed
	scratch  []byte        // what prev is decoded from
}

type kindOfType struct {
	Kind log.RecordType
	typ  reflect.Type
}

// SavedType is one Go type that is saved as one kind of record.
type SavedType struct {
	kindOfType
	Appends bool   // it has AppendBinary of its own
	peeked  bool   // the index of each record is read from its encoding and compared
	Passed  uint64 // how many of its records were not refused
	indexed bool   // a record with an index above 0 was tried
}

func NewSavedTypes(reg *log.Registry) *SavedTypes {
	return &SavedTypes{registry: reg, peek: indexReader(reg), all: map[kindOfType]*SavedType{}}
}

// Of returns the type of a record that is to be saved as kind.
func (s *SavedTypes) Of(kind log.RecordType, rec log.RecordData) *SavedType {
	typ := reflect.TypeOf(rec)
	if t := s.last[kind]; t != nil && t.typ == typ {
		return t
	}
	key := kindOfType{kind, typ}
	t, ok := s.all[key]
	if !ok {
		_, appends := rec.(encoding.BinaryAppender)
		t = &SavedType{kindOfType: key, Appends: appends && !embedding.Gives(typ, "AppendBinary")}
		// The default type needs no comparison, and is spared its few nanoseconds.
		t.peeked = kind == log.EntryType && s.peek != nil && typ != reflect.TypeFor[*walpb.Entry]()
		s.all[key] = t
	}
	s.last[kind] = t
	return t
}

// maxSizeHint is up to which size a record's Size is believed, in bytes. A larger record still
// fits, at the cost of another copy.
const maxSizeHint = 64 << 20

// SizeHint returns about how many bytes the encoding of a record has; 0 if its type does not say.
func SizeHint(rec log.RecordData) int {
	s, ok := rec.(interface{ Size() int })
	if !ok {
		return 0
	}
	return min(max(s.Size(), 0), maxSizeHint)
}

// Marshal returns the encoding of a record, which may be nil. An error is an ErrEncode.
func (t *SavedType) Marshal(rec log.RecordData) ([]byte, error) {
	data, err := rec.Marshal()
	if err != nil {
		return nil, fmt.Errorf("%w: %s record: %w", ErrEncode, t.Kind, err)
	}
	return data, nil
}

// AppendTo appends the encoding of a record to b. Only types with Appends have it. An error is an
// ErrEncode.
func (t *SavedType) AppendTo(b []byte, rec log.RecordData) ([]byte, error) {
	b, err := rec.(encoding.BinaryAppender).AppendBinary(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s record: %w", ErrEncode, t.Kind, err)
	}
	return b, nil
}

// Check returns an ErrEncode for a record that cannot be read back. The record is encoded as data,
// and has an index, which for a state is its commit index.
func (s *SavedTypes) Check(t *SavedType, rec log.RecordData, data []byte, index uint64) error {
	n := t.Passed + 1
	if n&t.Passed == 0 || index > 0 && !t.indexed {
		if err := s.try(t, rec, data, index); err != nil {
			return err
		}
		t.indexed = t.indexed || index > 0
	} else if t.peeked {
		if err := s.peekAt(t, data, index); err != nil {
			return err
		}
	}
	t.Passed = n
	return nil
}

// try decodes a record in each way in which a reader of the log may decode it.
func (s *SavedTypes) try(t *SavedType, rec log.RecordData, data []byte, index uint64) error {
	own := bytes.Clone(data) // a decoder that keeps or changes it must not reach into the batch
	switch t.Kind {
	case log.StateType:
		st := s.registry.NewState()
		committed, err := unmarshalState(st, own)
		return t.verdict(st, committed, index, err)
	case log.SnapshotType:
		snap := s.registry.NewSnapshot()
		m, err := unmarshalSnapshot(snap, own)
		if err == nil && m.Index == index && !m.Is(IDOf(rec.(log.Snapshot))) {
			err = fmt.Errorf("its term comes back as %d", m.Term)
		}
		return t.verdict(snap, m.Index, index, err)
	}
	ent := s.registry.NewEntry()
	i, err := unmarshalEntry(ent, own)
	if err == nil && i == index && shares(ent) {
		i, err = unmarshalShared(s.registry.NewEntry(), own)
	}
	if err == nil && i == index && s.peek != nil {
		i, err = peekIndex(s.peek, data)
	}
	return t.verdict(ent, i, index, err)
}

// peekAt compares the index of an encoded entry with the one that an open of the log will read.
func (s *SavedTypes) peekAt(t *SavedType, data []byte, index uint64) error {
	if i, err := peekIndex(s.peek, data); err != nil || i != index {
		return t.verdict(s.peek, i, index, err)
	}
	return nil
}

// verdict returns the error for a record that does not come back as it was encoded; nil if it does.
func (t *SavedType) verdict(as any, got, want uint64, err error) error {
	what := "index"
	if t.Kind == log.StateType {
		what = "commit index"
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: a %v with %s %d, saved as the %s, "+
			"cannot be read back as the registered %T: %w", ErrEncode, t.typ, what, want, t.Kind, as, err)
	case got != want:
		return fmt.Errorf("%w: a %v with %s %d, saved as the %s, is read back as a %T with %s %d; "+
			"Marshal must write it and Unmarshal read it",
			ErrEncode, t.typ, what, want, t.Kind, as, what, got)
	}
	return nil
}

// MayWait reports whether a state's type says that the state, saved alone, need not be durable at
// once. prev is the encoded state before it, nil without one.
func (s *SavedTypes) MayWait(st log.HardState, prev []byte) bool {
	lazy, ok := syncState(st)
	if !ok {
		return false
	}
	if prev == nil {
		return !lazy.MustSync(nil)
	}
	if s.prev == nil {
		s.prev = s.registry.NewState()
	}
	s.scratch = append(s.scratch[:0], prev...) // the original is written into the next segment
	if _, err := unmarshalState(s.prev, s.scratch); err != nil {
		return false
	}
	return !lazy.MustSync(s.prev)
}

// EmptySnapshot returns the encoding of a new, empty snapshot, with which every log begins. It is
// an ErrEncode if it cannot be read back.
func EmptySnapshot(reg *log.Registry) (data []byte, err error) {
	snap := reg.NewSnapshot()
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w: a new, empty %T, which every log begins with: %w", ErrEncode, snap, err)
		}
	}()
	defer Guard(&err)
	if i := snap.GetIndex(); i != 0 {
		return nil, fmt.Errorf("it has index %d, want 0", i)
	}
	if data, err = snap.Marshal(); err != nil {
		return nil, err
	}
	m, err := unmarshalSnapshot(reg.NewSnapshot(), bytes.Clone(data))
	if err == nil && m.Index != 0 {
		err = fmt.Errorf("it is read back with index %d, want 0", m.Index)
	}
	return data, err
}
