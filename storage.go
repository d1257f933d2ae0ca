package wal

import (
	"iter"

	"github.com/seed449c39bc/wal/log"
)

// Storage is what a state machine needs of its log. *WAL implements it; a
// program that takes a Storage can be tested without a disk.
type Storage interface {
	// Save saves the entries and then the state, as one: it returns nil once
	// both are on stable storage, and after a crash either all of it is there or
	// nothing. Either may be nil.
	Save(st log.HardState, ents []log.LogEntry) error
	// SaveState is Save of a state alone.
	SaveState(st log.HardState) error
	// SaveEntry is Save of entries alone.
	SaveEntry(ents []log.LogEntry) error
	// SaveSnap records that the state machine has a snapshot at an index, durably.
	SaveSnap(snap log.Snapshot) error
	// Close makes everything durable and gives up the log.
	Close() error
	// Release lets go of the segments that hold only entries older than snap, so that Purge can delete them.
	Release(snap log.Snapshot) error
	// Sync puts everything that was saved on stable storage.
	Sync() error
}

// ReadStorage is the reading half of a log. *WAL and *Reader implement it; a program that writes
// and reads takes a struct or an interface with both halves:
//
//	type Log interface {
//		wal.Storage
//		wal.ReadStorage
//	}
type ReadStorage interface {
	// Metadata returns what the log was created with.
	Metadata() []byte
	// State returns the state saved last, an empty one if there is none, nil if it cannot be decoded.
	State() log.HardState
	// Snapshot returns the snapshot saved last, an empty one if there is none, nil as with State.
	Snapshot() log.Snapshot
	// FirstIndex returns the index of the oldest entry, one above LastIndex if there is none.
	FirstIndex() uint64
	// LastIndex returns the index of the newest entry, or of a later snapshot; 0 if there is neither.
	LastIndex() uint64
	// Entry returns one entry.
	Entry(index uint64) (log.LogEntry, error)
	// Entries yields the entries from lo on, those below hi.
	Entries(lo, hi uint64) iter.Seq2[log.LogEntry, error]
	// EntriesLimit returns the entries from lo on, those below hi, as many as have at most maxBytes
	// bytes, but at least one.
	EntriesLimit(lo, hi, maxBytes uint64) ([]log.LogEntry, error)
	// ReadAll returns metadata, state, and all entries from where the log was opened on.
	ReadAll() (metadata []byte, st log.HardState, ents []log.LogEntry, err error)
}

var (
	_ Storage     = (*WAL)(nil)
	_ ReadStorage = (*WAL)(nil)
	_ ReadStorage = (*Reader)(nil)
)
