package wal

import "time"

// A Listener is told what the log does, for metrics and tests. Its functions
// may be nil. They are called on the goroutine that does the work, some of them
// while it holds the log's lock: they must be quick and must not call the log.
type Listener struct {
	// Saved is called after a save was written and, if it had to be, synced.
	Saved func(SaveEvent)
	// Synced is called after each sync of the segment that is appended to.
	Synced func(took time.Duration)
	// Cut is called after the log went on to a new segment.
	Cut func(CutEvent)
	// Healed is called when Open or Repair removed a torn tail.
	Healed func(TornTail)
	// Purged is called after Purge removed a segment.
	Purged func(segment string)
	// Failed is called once, with the error that ended the log's life.
	Failed func(err error)
}

// SaveEvent describes one save.
type SaveEvent struct {
	Entries int           // entries in it
	Bytes   int           // bytes written, frames included
	Durable bool          // whether it was synced before it returned
	Took    time.Duration // from the call to the end of its sync
}

// CutEvent describes the change to a new segment.
type CutEvent struct {
	Segment string        // file name of the new one
	Took    time.Duration // how long the save that caused it was held up
}
