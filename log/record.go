package log

import "fmt"

// RecordType is the kind of a record. Its value is what is stored in the log.
type RecordType int64

const (
	MetadataType RecordType = iota + 1 // bytes that the log was created with
	EntryType                          // a LogEntry
	StateType                          // a HardState
	CrcType                            // the log's own: checksums and control
	SnapshotType                       // a Snapshot
)

var recordTypeNames = [...]string{
	MetadataType: "metadata",
	EntryType:    "entry",
	StateType:    "state",
	CrcType:      "crc",
	SnapshotType: "snapshot",
}

// String returns the kind in words, such as "entry".
func (rt RecordType) String() string {
	if rt < MetadataType || rt > SnapshotType {
		return fmt.Sprintf("RecordType(%d)", int64(rt))
	}
	return recordTypeNames[rt]
}

// RecordData is what every record can do.
//
// A type may also have AppendBinary of [encoding.BinaryAppender], which appends
// the encoding to its argument and returns the extended slice. The log then uses
// it in place of Marshal, to encode straight into its buffer.
//
// AppendBinary, and the methods ReadIndex, UnmarshalShared, IsEmpty and MustSync of the
// optional interfaces below, count only if nothing that the type embeds has them: a type that
// embeds another and adds a field in its own Marshal would have the shortcut without the field.
// GetTerm and SetIndex count also if they are embedded, as GetIndex does: a field more changes
// nothing about them.
//
// The log calls the methods of records while it holds its locks: they must
// return soon, and must not call the log. A record handed to the log must not
// change until the call has returned. Decoding may happen in several goroutines
// at once, each with records of its own.
//
// A record may be saved as another Go type than the registered one that it is read as, if that one
// reads it back: an adapter saves what it has got, without a copy. The log tries it: the first
// record of each Go type, and now and then a later one, is decoded as it would be read. A save of
// what cannot be decoded, or comes back with another index, commit index or term, is refused. Where
// the registered entries have ReadIndex, the index of each entry is compared.
//
// A method that panics, or that ends its goroutine as FailNow of a test does, hurts only the call
// that it is part of: a save is as if it had not been made, and the log goes on.
type RecordData interface {
	// Marshal returns the record's encoding. The log does not keep or change it.
	Marshal() (data []byte, err error)
	// Unmarshal replaces the record by the one encoded in data. It must not change data, and must
	// copy what it keeps of it, as it is overwritten after the call: so
	// encoding.BinaryUnmarshaler has it. It must not panic, whatever data holds. json.Unmarshal
	// does not replace: it leaves fields alone that data does not have; [JSON] does.
	Unmarshal(data []byte) error
}

// LogEntry is one entry of the log.
type LogEntry interface {
	RecordData
	// GetIndex returns the entry's place in the log, 1 or more.
	GetIndex() uint64
	// Size returns about how many bytes the encoded entry has. It is a hint for
	// reserving space: a wrong one costs speed, never correctness.
	Size() (n int)
}

// HardState is what a state machine must remember besides its entries. The log
// carries the last one saved along: it is never lost to purging.
type HardState interface {
	RecordData
	// GetCommitted returns the index of the last entry known to be committed.
	GetCommitted() uint64
	// Reset makes the state empty. It is called on each state before it is decoded into, be it new or
	// not, and on the one that stands for a log without a state.
	Reset()
}

// Snapshot says that the state machine was saved elsewhere as it was after the
// entry with its index.
type Snapshot interface {
	RecordData
	// GetIndex returns the index of the last entry that the snapshot covers.
	GetIndex() uint64
}

// IndexReader is a LogEntry that can tell the index of an encoded entry with less
// work than decoding it. Opening a log needs no more than that of most entries.
type IndexReader interface {
	// ReadIndex returns what GetIndex would after Unmarshal of data, and must fail
	// where Unmarshal would. It does not change the receiver, and may be called in several
	// goroutines at once.
	ReadIndex(data []byte) (uint64, error)
}

// SharedUnmarshaler is a LogEntry that can be decoded without copying its data.
type SharedUnmarshaler interface {
	// UnmarshalShared is Unmarshal, but may keep data, which nobody changes later. It
	// must not change data itself: entries that are read one after the other may lie in one
	// piece of memory. Whoever keeps one of them for long keeps that piece, 16 KiB at most.
	UnmarshalShared(data []byte) error
}

// TermedSnapshot is a Snapshot that knows its term. When a log is opened at a
// snapshot, its term is compared with that of the snapshot in the log.
type TermedSnapshot interface {
	// GetTerm returns the term of the last entry that the snapshot covers.
	GetTerm() uint64
}

// EmptyState is a HardState that can be empty. An empty state is not saved.
// A state without this method is always saved.
type EmptyState interface {
	// IsEmpty tells whether there is nothing in the state to be saved.
	IsEmpty() bool
}

// SyncState is a HardState that knows when it need not be durable at once. A
// state without this method is always synced.
type SyncState interface {
	// MustSync tells whether a save of this state alone must be on stable storage
	// before it returns. prev is the state saved or recovered before, nil if there
	// is none; it must not be changed, and not be kept: the next call gets the same one, reset and
	// decoded anew. When false is returned, a crash may bring any state
	// back that was saved since the last sync, or the one that was synced with it.
	MustSync(prev HardState) bool
}
