package wal

import "github.com/seed449c39bc/wal/log"

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
	// Release releases the locks of segments that hold only entries older than snap.
	Release(snap log.Snapshot) error
	// Sync puts everything that was saved on stable storage.
	Sync() error
}

var _ Storage = (*WAL)(nil)
