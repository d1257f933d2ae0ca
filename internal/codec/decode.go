package codec

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/seed449c39bc/wal/log"
)

// The causes of the errors of this file, which the caller knows by the log's names.
var (
	ErrEncode           = errors.New("wal: record cannot be encoded")
	ErrDecode           = errors.New("wal: record cannot be decoded")
	ErrInvalidArgument  = errors.New("wal: invalid argument")
	ErrSnapshotMismatch = errors.New("wal: snapshot has another term in the log")
)

// unmarshalEntry has an entry take over data, and returns its index.
func unmarshalEntry(ent log.LogEntry, data []byte) (i uint64, err error) {
	defer Guard(&err)
	if err := ent.Unmarshal(data); err != nil {
		return 0, err
	}
	return ent.GetIndex(), nil
}

// unmarshalShared is unmarshalEntry for data that stays as it is. The entry's type can do that.
func unmarshalShared(ent log.LogEntry, data []byte) (i uint64, err error) {
	defer Guard(&err)
	if err := ent.(log.SharedUnmarshaler).UnmarshalShared(data); err != nil {
		return 0, err
	}
	return ent.GetIndex(), nil
}

// unmarshalSnapshot has a snapshot take over data, and returns its mark.
func unmarshalSnapshot(snap log.Snapshot, data []byte) (m SnapshotID, err error) {
	defer Guard(&err)
	if err := snap.Unmarshal(data); err != nil {
		return m, err
	}
	return IDOf(snap), nil
}

// unmarshalState makes a state the one encoded in data, empty for nil, and returns its commit index.
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

// decodeEntry returns the entry encoded in data, which is intact, and its index.
func decodeEntry(reg *log.Registry, data []byte) (ent log.LogEntry, i uint64, err error) {
	ent = reg.NewEntry()
	if i, err = unmarshalEntry(ent, data); err != nil {
		return nil, 0, DecodeError(ent, log.EntryType, data, err)
	}
	return ent, i, nil
}

// decodeShared has an entry take over data, which is intact and stays as it is, and returns its index.
func decodeShared(ent log.LogEntry, data []byte) (i uint64, err error) {
	if i, err = unmarshalShared(ent, data); err != nil {
		return 0, DecodeError(ent, log.EntryType, data, err)
	}
	return i, nil
}

// DecodeSnapshot returns the snapshot encoded in data, which is intact, and its mark. The log keeps
// data, so the type gets a copy: it could change it.
func DecodeSnapshot(reg *log.Registry, data []byte) (snap log.Snapshot, m SnapshotID, err error) {
	snap = reg.NewSnapshot()
	if m, err = unmarshalSnapshot(snap, bytes.Clone(data)); err != nil {
		return nil, m, DecodeError(snap, log.SnapshotType, data, err)
	}
	return snap, m, nil
}

// DecodeState returns the encoded state, an empty one for nil, and its commit index. The type gets
// a copy of data: it is written again at the beginning of each segment.
func DecodeState(reg *log.Registry, data []byte) (st log.HardState, committed uint64, err error) {
	st = reg.NewState()
	if committed, err = unmarshalState(st, bytes.Clone(data)); err != nil {
		return nil, 0, DecodeError(st, log.StateType, data, err)
	}
	return st, committed, nil
}

// readIndex has a type read the index of an encoded entry, which is intact.
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

func DecodeError(rec any, typ log.RecordType, data []byte, cause error) error {
	return fmt.Errorf("%w: %s record of %d bytes as %T: %w; "+
		"is the type registered that the log was written with?", ErrDecode, typ, len(data), rec, cause)
}
