package log

import "fmt"

// RecordType is the kind of a record. Its value is what is stored in the log.
type RecordType int64

const (
	MetadataType RecordType = iota + 1 // bytes that the log was created with
	EntryType                          // a LogEntry
	StateType                          // a HardState
	CrcType                            // the log's own: checksums and control records
	SnapshotType                       // a Snapshot
)

var recordTypeNames = [...]string{
	MetadataType: "metadata",
	EntryType:    "entry",
	StateType:    "state",
	CrcType:      "crc",
	SnapshotType: "snapshot",
}

// String returns the name of the kind, such as "entry".
func (rt RecordType) String() string {
	if rt < MetadataType || rt > SnapshotType {
		return fmt.Sprintf("RecordType(%d)", int64(rt))
	}
	return recordTypeNames[rt]
}

// RecordData has the methods that every record needs.
//
// A type may also have AppendBinary of [encoding.BinaryAppender], which appends the encoding to its
// argument and returns the extended slice. The log then calls it instead of Marshal, to encode
// straight into its buffer.
//
// AppendBinary, and the methods ReadIndex, UnmarshalShared, IsEmpty and MustSync of the optional
// interfaces below, count only if no type that the record's type embeds has them. Otherwise a type
// that embeds another one, and adds a field in its own Marshal, would be encoded by the embedded
// AppendBinary, without that field. GetTerm and SetIndex count even if an embedded type has them,
// as GetIndex does, because an added field does not change what they do.
//
// The log calls the methods of records while it holds its locks: they must return soon, and must
// not call the log. A record that is passed to the log must not change until the call has returned.
// Several goroutines may decode at the same time, each into records of its own.
//
// A record need not have the Go type that is registered for its kind, if the registered type can
// decode what it encodes: so an adapter can save the records that it has, without copying them. The
// log checks this: it decodes the first record of each Go type, and some of the later ones, as it
// would when reading. It refuses to save a record that cannot be decoded, or that comes back with
// another index, commit index or term. If the registered entries have ReadIndex, the log compares
// the index of every entry.
//
// If a method panics, or ends its goroutine as FailNow of a test does, only the call that it is
// part of fails: a save is as if it had not been made, and the log goes on.
type RecordData interface {
	// Marshal returns the record's encoding. The log neither keeps nor changes it.
	Marshal() (data []byte, err error)
	// Unmarshal replaces the record by the one that is encoded in data. It must not change data, and
	// must copy what it keeps of it, because data is overwritten after the call; these are the rules
	// of encoding.BinaryUnmarshaler. It must not panic, whatever data holds. Note that json.Unmarshal
	// does not replace a value: it leaves fields alone that data does not have. [JSON] replaces it.
	Unmarshal(data []byte) error
}

// LogEntry is one entry of the log.
type LogEntry interface {
	RecordData
	// GetIndex returns the entry's index in the log, which is 1 or more.
	GetIndex() uint64
	// Size returns about how many bytes the encoded entry has. It is a hint, for reserving memory: a
	// wrong size costs speed, but does no harm.
	Size() (n int)
}

// HardState is what a state machine must remember besides its entries. The log carries the state
// that was saved last along, so that it is never lost in a purge.
type HardState interface {
	RecordData
	// GetCommitted returns the index of the last entry known to be committed.
	GetCommitted() uint64
	// Reset makes the state empty. The log calls it on every state before it decodes into it, even on
	// a new one, and on the state that it returns if none was ever saved.
	Reset()
}

// Snapshot records that the state machine was saved elsewhere, as it was after the entry with the
// snapshot's index.
type Snapshot interface {
	RecordData
	// GetIndex returns the index of the last entry that the snapshot covers.
	GetIndex() uint64
}

// IndexReader is a LogEntry that can read the index of an encoded entry with less work than
// decoding it. To open a log, no more than the index is needed of most entries.
type IndexReader interface {
	// ReadIndex returns what GetIndex would return after Unmarshal of data, and must fail where
	// Unmarshal would fail. It must not change the receiver, and may be called by several goroutines
	// at once.
	ReadIndex(data []byte) (uint64, error)
}

// SharedUnmarshaler is a LogEntry that can be decoded without copying its data.
type SharedUnmarshaler interface {
	// UnmarshalShared is Unmarshal, but may keep data in the record. It must not change data itself:
	// entries that are read one after the other may share a piece of memory, of 16 KiB at most, and
	// of 96 KiB with ReadAll. As long as one of them is kept, the whole piece is.
	//
	// The log does not change data later, with one exception: in a loop over ReadEntries the record
	// is the caller's, and data is overwritten when the next entry is read. So nothing but the record
	// may keep it.
	UnmarshalShared(data []byte) error
}

// TermedSnapshot is a Snapshot that knows its term. When a log is opened at a snapshot, the term is
// compared with that of the snapshot in the log.
type TermedSnapshot interface {
	// GetTerm returns the term of the last entry that the snapshot covers.
	GetTerm() uint64
}

// EmptyState is a HardState that can be empty. An empty state is not saved. A state without this
// method is always saved.
type EmptyState interface {
	// IsEmpty reports whether there is nothing in the state to be saved.
	IsEmpty() bool
}

// SyncState is a HardState that knows when it need not be durable at once. A state without this
// method is always synced.
type SyncState interface {
	// MustSync reports whether a save of this state alone must be on stable storage before it returns.
	// prev is the state that was saved or recovered before, nil if there is none. It must be neither
	// changed nor kept: the next call gets the same one, reset and decoded again. After false is
	// returned, a crash may bring back any state that was saved since the last sync, or the one that
	// was synced with it.
	MustSync(prev HardState) bool
}
