package wal

import "time"

// A Listener is told what the log does, for metrics and tests. Its functions
// may be nil. They are called one at a time, in the order of what happened, at the end of the call that
// did it or of a later one, and by the log's own goroutine when that writes for callers who
// wait: they must be quick, and must not call the log, except for its Stats. When several calls
// share a write, some of them may return before it was told. After Close has returned nothing is told.
//
// What is told has happened, whatever the function does. If it panics, the panic goes to the
// caller of the call at whose end it is told, such as a Save, which is as durable as if it had
// returned; in the log's own goroutine the panic is logged. If it ends the goroutine, as FailNow of a
// test does, that ends no more than such a call. In both cases the log goes on. The same holds for the
// cores and hooks of the logger.
type Listener struct {
	// Saved is called after one or more saves were written together and, if
	// one of them had to be, synced.
	Saved func(SaveEvent)
	// Synced is called after each sync of the segment that is appended to, also after the last one
	// of a segment that ends.
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

// SaveEvent describes a batch: saves that shared a write and a sync.
type SaveEvent struct {
	Saves   int           // saves in it
	Entries int           // entries in them
	Bytes   int           // bytes written, frames included
	Durable bool          // whether it was synced
	Took    time.Duration // from the beginning of the write to the end of the sync; of a lone save, from its call
}

// CutEvent describes the change to a new segment.
type CutEvent struct {
	Segment string        // file name of the new one
	Took    time.Duration // how long the save that caused it was held up
}
