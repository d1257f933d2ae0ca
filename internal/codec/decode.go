package codec

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/seed449c39bc/wal/log"
)

// The causes of the errors of this package. The log exports them by the same names.
var (
	ErrEncode           = errors.New("wal: record cannot be encoded")
	ErrDecode           = errors.New("wal: record cannot be decoded")
	ErrInvalidArgument  = errors.New("wal: invalid argument")
	ErrSnapshotMismatch = errors.New("wal: snapshot has another term in the log")
)

// unmarshalEntry unmarshals data into an entry, and returns its index.
func unmarshalEntry(ent log.LogEntry, data []byte) (i uint64, err error) {
	defer Guard(&err)
	if err := ent.Unmarshal(data); err != nil {
		return 0, err
	}
	return ent.GetIndex(), nil
}

// unmarshalShared is unmarshalEntry for data that never changes, and for a type that can share it.
func unmarshalShared(ent log.LogEntry, data []byte) (i uint64, err error) {
	defer Guard(&err)
	if err := ent.(log.SharedUnmarshaler).UnmarshalShared(data); err != nil {
		return 0, err
	}
	return ent.GetIndex(), nil
}

// unmarshalSnapshot unmarshals data into a snapshot, and returns its identity.
func unmarshalSnapshot(snap log.Snapshot, data []byte) (m SnapshotID, err error) {
	defer Guard(&err)
	if err := snap.Unmarshal(data); err != nil {
		return m, err
	}
	return IDOf(snap), nil
}

// unmarshalState unmarshals data into a state, which is empty for nil, and returns its commit
// index.
func unmarshalState(st log.HardState, data []byte) (committed uint64, err error) {
	defer Guard(&err)
	st.Reset()
	if data == nil {
		return 0, nil
	}
	if err := st.Unmarshal(data); err != nil {
		return 0, err
	}
	return st.GetCommitted(), nil
}

// decodeEntry returns the entry that is encoded in data, and its index.
func decodeEntry(reg *log.Registry, data []byte) (ent log.LogEntry, i uint64, err error) {
	ent = reg.NewEntry()
	if i, err = unmarshalEntry(ent, data); err != nil {
		return nil, 0, DecodeError(ent, log.EntryType, data, err)
	}
	return ent, i, nil
}

// decodeShared unmarshals data, which never changes, into an entry, and returns its index.
func decodeShared(ent log.LogEntry, data []byte) (i uint64, err error) {
	if i, err = unmarshalShared(ent, data); err != nil {
		return 0, DecodeError(ent, log.EntryType, data, err)
	}
	return i, nil
}

// DecodeSnapshot returns the snapshot that is encoded in data, and its identity. The log keeps
// data, so the type gets a copy, which it may change.
func DecodeSnapshot(reg *log.Registry, data []byte) (snap log.Snapshot, m SnapshotID, err error) {
	snap = reg.NewSnapshot()
	if m, err = unmarshalSnapshot(snap, bytes.Clone(data)); err != nil {
		return nil, m, DecodeError(snap, log.SnapshotType, data, err)
	}
	return snap, m, nil
}

// DecodeState returns the state that is encoded in data, an empty one for nil, and its commit
// index. The log writes data again at the beginning of each segment, so the type gets a copy.
func DecodeState(reg *log.Registry, data []byte) (st log.HardState, committed uint64, err error) {
	st = reg.NewState()
	if committed, err = unmarshalState(st, bytes.Clone(data)); err != nil {
		return nil, 0, DecodeError(st, log.StateType, data, err)
	}
	return st, committed, nil
}

// readIndex returns the index of an encoded entry, as its type reads it.
func readIndex(rec log.IndexReader, data []byte) (i uint64, err error) {
	if i, err = peekIndex(rec, data); err != nil {
		return 0, DecodeError(rec, log.EntryType, data, err)
	}
	return i, nil
}

func peekIndex(rec log.IndexReader, data []byte) (i uint64, err error) {
	defer Guard(&err)
	return rec.ReadIndex(data)
}

// DecodeError returns the ErrDecode for a record that is intact on disk, and was refused by its
// type.
func DecodeError(rec any, typ log.RecordType, data []byte, cause error) error {
	return fmt.Errorf("%w: %s record of %d bytes as %T: %w; "+
		"is the type registered that the log was written with?", ErrDecode, typ, len(data), rec, cause)
}
