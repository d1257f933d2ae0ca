package wal

import (
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/seed449c39bc/wal/log"
)

// contents is what a log holds, as far as it is durable: the result of
// replaying its records, kept up by saves. Its users see to locking.
type contents struct {
	metadata []byte
	state    []byte // encoded; nil: none was ever saved
	snapshot []byte // encoded, the one saved last; nil: none in the segments read
	last     uint64 // last entry or snapshot index: the next entry's is at most one more
	jump     jump
	anchored bool           // last is certain; only an etcd segment's name can be too low
	marks    []snapshotMark // the snapshots in the segments read that can still be released
	released uint64         // index of the newest snapshot that was released
	index    index
	replaced uint64 // the lowest entry replaced or dropped since this was last looked at; 0: none
}

// overwrite copies data into the memory of to. The result is never nil: an empty
// encoding is one, too, and nil says that there is none.
func overwrite(to, data []byte) []byte {
	return append(slices.Grow(to[:0], 1), data...)
}

// apply takes over what a record in segment n changes. Its index was checked.
func (c *contents) apply(x *note, n segmentName) {
	switch x.typ {
	case log.EntryType:
		c.replace(x.index)
		c.land(x.index)
		c.index.add(x.index, x.next, n, x.off, x.crc)
		c.last, c.anchored = x.next-1, true
	case log.StateType:
		c.state = overwrite(c.state, x.data)
	case log.SnapshotType:
		c.addSnapshot(x, n.seq)
	case log.CrcType:
		c.truncate(x.index)
	}
}

// addSnapshot notes a snapshot that segment seq records. One above the last index, as a follower
// receives it, lets the log go on behind it: what was before is cut off from what comes.
func (c *contents) addSnapshot(x *note, seq uint64) {
	c.snapshot = overwrite(c.snapshot, x.data)
	c.addMark(snapshotMark{index: x.index, seq: seq, term: x.term, termed: x.termed})
	c.leap(x.index)
	if x.index > 0 {
		c.anchored = true
	}
}

// truncate drops the entries above i.
func (c *contents) truncate(i uint64) {
	if i < c.last {
		c.replace(i + 1)
		c.index.truncate(i + 1)
		c.last = i
		c.shorten(i)
	}
}

// replace notes that the entries from i on are replaced, if there are any.
func (c *contents) replace(i uint64) {
	if i <= c.last && (c.replaced == 0 || i < c.replaced) {
		c.replaced = i
	}
}

// first is the lowest index that can be read; last+1 if there is no entry.
func (c *contents) first() uint64 {
	if i, ok := c.index.first(); ok && !c.jump.pending() {
		return i
	}
	return c.last + 1
}

// dropBefore forgets the entries and snapshots in segments before seq.
func (c *contents) dropBefore(seq uint64) {
	c.index.dropBefore(seq)
	c.dropMarks(func(m snapshotMark) bool { return m.seq < seq })
}

// checkIndex tells whether an entry with index i may follow an entry or snapshot with index last.
func checkIndex(i, last uint64) error {
	switch {
	case i == 0:
		return fmt.Errorf("%w: entry index 0, entries count from 1", ErrInvalidArgument)
	case i > last && i-last > 1:
		return fmt.Errorf("%w: entry %d cannot follow index %d; save entry %d first, or the snapshot that covers the gap",
			ErrIndexGap, i, last, last+1)
	case i == math.MaxUint64:
		return fmt.Errorf("%w: index %d, the largest one is one less", ErrInvalidArgument, i)
	}
	return nil
}

// checkState makes sure that the state can be decoded.
func (c *contents) checkState(reg *log.Registry) error {
	if _, err := decodeState(reg, c.state); err != nil {
		return fmt.Errorf("wal: state saved last: %w", err)
	}
	return nil
}

// decodeState returns the encoded state, an empty one for nil.
func decodeState(reg *log.Registry, data []byte) (log.HardState, error) {
	st := reg.NewState()
	if data == nil {
		return st, nil
	}
	return st, decodeInto(st, log.StateType, data)
}

// isNil tells whether a record is missing, be it an untyped nil or a nil pointer.
func isNil(rec any) bool {
	v := reflect.ValueOf(rec)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// decodeInto has a record take over data, which is intact. A panic of the
// user's type becomes an error.
func decodeInto(rec log.RecordData, typ log.RecordType, data []byte) (err error) {
	defer caught(&err, rec, typ, data)
	if err := rec.Unmarshal(data); err != nil {
		return decodeError(rec, typ, data, err)
	}
	return nil
}

// decodeEntry returns the entry encoded in data, which is intact, and its index.
func decodeEntry(reg *log.Registry, data []byte) (ent log.LogEntry, i uint64, err error) {
	ent = reg.NewEntry()
	defer caught(&err, ent, log.EntryType, data)
	if err := ent.Unmarshal(data); err != nil {
		return nil, 0, decodeError(ent, log.EntryType, data, err)
	}
	return ent, ent.GetIndex(), nil
}

// decodeShared has an entry take over data, which is intact and stays as it is, and returns its index.
func decodeShared(ent log.LogEntry, data []byte) (i uint64, err error) {
	defer caught(&err, ent, log.EntryType, data)
	if err := ent.(log.SharedUnmarshaler).UnmarshalShared(data); err != nil {
		return 0, decodeError(ent, log.EntryType, data, err)
	}
	return ent.GetIndex(), nil
}

// decodeSnapshot returns the snapshot encoded in data, which is intact, and its mark.
func decodeSnapshot(reg *log.Registry, data []byte) (snap log.Snapshot, m snapshotMark, err error) {
	snap = reg.NewSnapshot()
	defer caught(&err, snap, log.SnapshotType, data)
	if err := decodeInto(snap, log.SnapshotType, data); err != nil {
		return nil, m, err
	}
	return snap, markOf(snap), nil
}

// committedBy returns the last committed index that an encoded state tells, 0 for nil.
func committedBy(reg *log.Registry, data []byte) (i uint64, err error) {
	st, err := decodeState(reg, data)
	if err != nil {
		return 0, err
	}
	defer caught(&err, st, log.StateType, data)
	return st.GetCommitted(), nil
}

// readIndex has a type read the index of an encoded entry, which is intact.
func readIndex(rec log.IndexReader, data []byte) (i uint64, err error) {
	defer caught(&err, rec, log.EntryType, data)
	if i, err = rec.ReadIndex(data); err != nil {
		return 0, decodeError(rec, log.EntryType, data, err)
	}
	return i, nil
}

// caught is deferred around the methods of a user's type that decode: it makes a
// panic of theirs an error.
func caught(err *error, rec any, typ log.RecordType, data []byte) {
	if r := recover(); r != nil {
		*err = decodeError(rec, typ, data, fmt.Errorf("it panics: %v", r))
	}
}

func decodeError(rec any, typ log.RecordType, data []byte, cause error) error {
	return fmt.Errorf("%w: %s record of %d bytes as %T: %w; is the type registered that the log was written with?", ErrDecode, typ, len(data), rec, cause)
}
