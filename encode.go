package wal

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"

	"github.com/seed449c39bc/wal/internal/embedding"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// savedTypes knows the Go types of the records that a log saves. They need not be the ones
// that its registry has: what counts is that the registry reads them back. So a type is
// tried: what its first record was encoded to is decoded as the log's readers will, and has to have
// the same index. A save that fails the trial is refused, since no open would get past it.
//
// The first record of each type is tried, the first with an index above 0, as 0 proves little, and
// then the second, fourth, eighth and so on: that costs nothing worth counting. Of entries whose
// index the registry can read without decoding them, every one is checked. The writer's lock guards it.
type savedTypes struct {
	registry *log.Registry
	peek     log.IndexReader // reads the index of an encoded entry; nil: the type cannot
	last     [log.SnapshotType + 1]*savedType
	all      map[kindOfType]*savedType
	prev     log.HardState // what MustSync is given; nil until it is needed
	scratch  []byte        // what that is decoded from
}

type kindOfType struct {
	kind log.RecordType
	typ  reflect.Type
}

// savedType is one of them.
type savedType struct {
	kindOfType
	appends bool   // it has AppendBinary of its own
	peeked  bool   // the index of each record is read from its encoding and compared
	passed  uint64 // records that were not refused
	indexed bool   // one with an index above 0 was tried
}

func newSavedTypes(reg *log.Registry) *savedTypes {
	return &savedTypes{registry: reg, peek: indexReader(reg), all: map[kindOfType]*savedType{}}
}

// of returns the type of a record.
func (s *savedTypes) of(kind log.RecordType, rec log.RecordData) *savedType {
	typ := reflect.TypeOf(rec)
	if t := s.last[kind]; t != nil && t.typ == typ {
		return t
	}
	key := kindOfType{kind, typ}
	t, ok := s.all[key]
	if !ok {
		_, appends := rec.(encoding.BinaryAppender)
		t = &savedType{kindOfType: key, appends: appends && !embedding.Gives(typ, "AppendBinary")}
		// The default type needs no check, and is spared the few nanoseconds.
		t.peeked = kind == log.EntryType && s.peek != nil && typ != reflect.TypeFor[*walpb.Entry]()
		s.all[key] = t
	}
	s.last[kind] = t
	return t
}

// maxSizeHint is how far a record's Size is believed, in bytes. What is larger still fits, at the
// cost of another copy.
const maxSizeHint = 64 << 20

// sizeHint returns about how long the encoding of a record is, 0 if its type does not say.
func sizeHint(rec log.RecordData) int {
	s, ok := rec.(interface{ Size() int })
	if !ok {
		return 0
	}
	return min(max(s.Size(), 0), maxSizeHint)
}

// marshal returns the encoding of a record, nil if there is none.
func (t *savedType) marshal(rec log.RecordData) ([]byte, error) {
	data, err := rec.Marshal()
	if err != nil {
		return nil, fmt.Errorf("%w: %s record: %w", errEncode, t.kind, err)
	}
	return data, nil
}

// appendTo appends the encoding of a record whose type appends.
func (t *savedType) appendTo(b []byte, rec log.RecordData) ([]byte, error) {
	b, err := rec.(encoding.BinaryAppender).AppendBinary(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s record: %w", errEncode, t.kind, err)
	}
	return b, nil
}

// check refuses a record with an index, of a state the committed one, that is encoded as data, if
// it cannot be read back.
func (s *savedTypes) check(t *savedType, rec log.RecordData, data []byte, index uint64) error {
	n := t.passed + 1
	if n&t.passed == 0 || index > 0 && !t.indexed {
		if err := s.try(t, rec, data, index); err != nil {
			return err
		}
		t.indexed = t.indexed || index > 0
	} else if t.peeked {
		if err := s.peekAt(t, data, index); err != nil {
			return err
		}
	}
	t.passed = n
	return nil
}

// try decodes a record in each way that a reader of the log may take.
func (s *savedTypes) try(t *savedType, rec log.RecordData, data []byte, index uint64) error {
	own := bytes.Clone(data) // or a decoder that keeps or changes it could reach into the batch
	switch t.kind {
	case log.StateType:
		st := s.registry.NewState()
		committed, err := unmarshalState(st, own)
		return t.verdict(st, committed, index, err)
	case log.SnapshotType:
		snap := s.registry.NewSnapshot()
		m, err := unmarshalSnapshot(snap, own)
		if err == nil && m.index == index && !m.is(idOf(rec.(log.Snapshot))) {
			err = fmt.Errorf("its term comes back as %d", m.term)
		}
		return t.verdict(snap, m.index, index, err)
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

// peekAt reads the index of an encoded entry, as an open of the log will.
func (s *savedTypes) peekAt(t *savedType, data []byte, index uint64) error {
	if i, err := peekIndex(s.peek, data); err != nil || i != index {
		return t.verdict(s.peek, i, index, err)
	}
	return nil
}

// verdict is the error if a record does not come back as it was encoded.
func (t *savedType) verdict(as any, got, want uint64, err error) error {
	what := "index"
	if t.kind == log.StateType {
		what = "commit index"
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: a %v with %s %d, saved as the %s, "+
			"cannot be read back as the registered %T: %w", errEncode, t.typ, what, want, t.kind, as, err)
	case got != want:
		return fmt.Errorf("%w: a %v with %s %d, saved as the %s, is read back as a %T with %s %d; "+
			"Marshal must write it and Unmarshal read it", errEncode, t.typ, what, want, t.kind, as, what, got)
	}
	return nil
}

// mayWait tells whether a state's type says that the state, saved alone, need not be durable at
// once. prev is the encoded state before, nil without one.
func (s *savedTypes) mayWait(st log.HardState, prev []byte) bool {
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

// emptySnapshot returns the encoded snapshot that every log begins with, if it can be read back.
func emptySnapshot(reg *log.Registry) (data []byte, err error) {
	snap := reg.NewSnapshot()
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w: a new, empty %T, which every log begins with: %w", errEncode, snap, err)
		}
	}()
	defer guard(&err)
	if i := snap.GetIndex(); i != 0 {
		return nil, fmt.Errorf("it has index %d, want 0", i)
	}
	if data, err = snap.Marshal(); err != nil {
		return nil, err
	}
	m, err := unmarshalSnapshot(reg.NewSnapshot(), bytes.Clone(data))
	if err == nil && m.index != 0 {
		err = fmt.Errorf("it is read back with index %d, want 0", m.index)
	}
	return data, err
}

// setIndex gives an entry its index.
func setIndex(ent log.LogEntry, i uint64) error {
	if isNil(ent) {
		return fmt.Errorf("%w: a nil entry", errInvalid)
	}
	s, ok := ent.(log.IndexSetter)
	if !ok {
		return fmt.Errorf("%w: %T has no SetIndex(uint64), by which it would get its index; give it one, or use Save", errInvalid, ent)
	}
	s.SetIndex(i)
	if got := ent.GetIndex(); got != i {
		return fmt.Errorf("%w: %T has index %d after SetIndex(%d)", errInvalid, ent, got, i)
	}
	return nil
}
