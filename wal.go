package wal

import (
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
)

// WAL is a log that is open for appending and reading. All methods are safe for concurrent use.
// Saves take effect in the order in which they get the writer's lock. At most one WAL, in all
// processes, has a log open.
//
// The directory is held open. If its path leads elsewhere later, because the directory was renamed
// or replaced, a link was switched or a disk mounted over it, the log goes on in its own directory
// and touches nothing in the other one. A warning says so, once, at the next cut, Purge or Close.
// If the directory was deleted, the log fails then, because what was acknowledged is gone. (On
// Windows, a directory can only be used by its path: there, a log that was moved fails when it has
// to name or delete a file.)
//
// After the first write or sync that fails, every call that saves, syncs, purges or reads entries
// returns that failure, as an [ErrFailed], also after Close. After Close of a log that did not
// fail, these calls return [ErrClosed]. A wrong argument is always refused first, with
// [ErrInvalidArgument]. The getters (FirstIndex, LastIndex, Metadata, State, Snapshot, Stats)
// continue to return what was durable. Follow and a Pending first deliver what is due: the entries
// that are durable, and the result of a save that was made.
type WAL struct {
	view // the reading half, and the contents: whoever changes them, leader or not, holds view.mu

	opts options
	teller

	writer     sync.Mutex // guards what follows
	leader     leadership
	room       sync.Cond     // on writer: the open batch has room, or nobody leads any more
	segments   locked        // in the order of their numbers; the last one is appended to
	holders    holders       // finds among them the one that holds an index
	dropped    []segmentName // released and not deleted yet, in the order of their numbers
	headerEnd  int64         // end of the last segment's header; 0 if Open found the segment
	appended   appended
	types      *codec.SavedTypes
	open       *batch // encoded saves that the next write takes
	previous   lastBatch
	spare      *batch // the next open batch; nil while the leader writes
	unsynced   bool   // some bytes before the open batch are covered by no sync
	bare       bool   // the last segment has no prepared space
	closedMark bool   // the log ends with a CLOSED record
	closed     bool
	owes       bool  // the holder of the lock tells events when it gives up the lock
	closeErr   error // what the first Close returned
	pipeline   filePipeline
	backoff    lingerBackoff
	delay      delay

	// What follows belongs to the leader or, while nobody leads, to the holder of the writer's lock.
	inflight   inflight   // the batch that is being written
	zeroed     zeroed     // the part of the last segment that is zeroed ahead
	zeroPolicy zeroPolicy // whether it is zeroed ahead

	moved   atomic.Bool   // the warning that the path leads elsewhere was given
	lacks   atomic.Uint32 // lacks of the file system that were warned of
	leaving atomic.Bool   // Close has begun: a Purge ends at the next segment

	counting sync.Mutex // guards stats
	stats    Stats

	closing sync.Mutex // one Close at a time; taken before purging
	purging sync.Mutex // one Purge at a time, and none during or after Close; taken before writer
}

func newWAL(lg *zap.Logger, o options) *WAL {
	w := &WAL{opts: o, open: new(batch), spare: new(batch)}
	w.lg, w.listener = orNop(lg), &w.opts.listener
	return w
}

// tailSegment returns the last segment. The writer's lock is held.
func (w *WAL) tailSegment() segment { return w.segments[len(w.segments)-1] }

// Save saves the entries and then the state, as one: it returns nil once both are on stable
// storage, and after a crash either all of it is there or nothing. Either may be nil. If both are
// nil, nothing is saved, and Save returns once all earlier saves are on stable storage, as far as
// they have to be. A state that has IsEmpty and is empty is left out. A state without entries, of a
// type that has MustSync, may be saved without a sync if MustSync allows it.
//
// The first entry's index is at most LastIndex+1, and each further one's at most one more than that
// of the entry before it; otherwise the error is [ErrIndexGap]. An entry whose index is not above
// the last one replaces the entry with that index and all after it, even at or below the snapshot.
// Index 0 is refused. If the error is neither [ErrFailed] nor [ErrClosed], nothing was written and
// the log goes on.
func (w *WAL) Save(st log.HardState, ents []log.LogEntry) error {
	s, err := newSave(st, ents)
	if err != nil {
		return err
	}
	if s.records() == 0 {
		w.writer.Lock()
		return w.awaitAll(w.now())
	}
	return w.commit(&s)
}

// SaveState saves a state alone, as [WAL.Save] does.
func (w *WAL) SaveState(st log.HardState) error { return w.Save(st, nil) }

// SaveEntry saves entries alone, as [WAL.Save] does.
func (w *WAL) SaveEntry(ents []log.LogEntry) error { return w.Save(nil, ents) }

// SaveSnap records durably that the state machine has a snapshot at an index, so that the log can
// be opened there. The snapshot itself is saved elsewhere, before this call; a small one may be the
// record itself.
//
// A snapshot above LastIndex, as a follower receives it, makes the log jump: LastIndex is then the
// snapshot's index, the next entry follows it, and the entries before it are no longer shown. They
// are kept until an entry is saved behind the snapshot, or a state that commits it, or they are
// compacted. Until then the log can still be opened at an older snapshot, and goes on from there,
// because a crash may come before that state is saved.
//
// A snapshot at or below LastIndex changes no entry: those above it and below it stay, whatever
// their terms are. A follower whose log disagrees with the snapshot that it has received needs
// [WAL.Restore], which drops them.
func (w *WAL) SaveSnap(snap log.Snapshot) error {
	if codec.IsNil(snap) {
		return fmt.Errorf("%w: a nil snapshot", ErrInvalidArgument)
	}
	return w.commit(&save{snap: snap})
}

// TruncateBack drops the entries above index, durably. If there are none, nothing is written;
// TruncateBack then returns once they are gone for good, even when another call that drops them is
// still under way.
//
// Snapshots above index stay recorded, as they do when entries below them are replaced: Snapshot
// returns them, and the log opens at them, with a lower LastIndex. Such a snapshot contains what
// was dropped, and what is saved anew up to its index is not read after it. In Raft this does not
// happen, because a snapshot is of committed entries. A caller that truncates below a snapshot
// saves another one, of what is left, after it, or uses [WAL.Restore].
//
// In a log opened with [WithEtcdFormat] it is refused with errors.ErrUnsupported, because that
// format has no record for it.
func (w *WAL) TruncateBack(index uint64) error {
	began := w.now()
	if err := w.needsControl("truncate", "save an entry over the ones to drop"); err != nil {
		return err
	}
	w.writer.Lock()
	if _, err := w.addTruncate(index); err != nil {
		w.unlock()
		return err
	}
	return w.awaitAll(began)
}

// addTruncate adds a truncation to the open batch. If there is nothing to drop, it adds nothing and
// reports done. The lock is held.
func (w *WAL) addTruncate(index uint64) (done bool, err error) {
	if err := w.sticky.err(); err != nil || index >= w.appended.last {
		return true, err
	}
	return w.add(&save{control: control{frame.ControlTruncate, index}})
}

// Storage is what a state machine needs of its log. *WAL implements it; a program that takes a
// Storage can be tested without a disk.
type Storage interface {
	// Save saves the entries and then the state, as one: it returns nil once both are on stable
	// storage, and after a crash either all of it is there or nothing. Either may be nil.
	Save(st log.HardState, ents []log.LogEntry) error
	// SaveState saves a state alone, as Save does.
	SaveState(st log.HardState) error
	// SaveEntry saves entries alone, as Save does.
	SaveEntry(ents []log.LogEntry) error
	// SaveSnap records durably that the state machine has a snapshot at an index.
	SaveSnap(snap log.Snapshot) error
	// Close makes everything durable and gives up the log.
	Close() error
	// Release lets go of the segments that hold only entries older than snap, so that Purge can delete
	// them.
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
	// State returns the state saved last: an empty one if there is none, nil if it cannot be decoded.
	State() log.HardState
	// Snapshot returns the snapshot saved last: an empty one if there is none, nil if it cannot be
	// decoded.
	Snapshot() log.Snapshot
	// FirstIndex returns the index of the oldest entry; LastIndex+1 if there is none.
	FirstIndex() uint64
	// LastIndex returns the index of the newest entry, or of a later snapshot; 0 if there is neither.
	LastIndex() uint64
	// Entry returns one entry.
	Entry(index uint64) (log.LogEntry, error)
	// Entries yields the entries with indexes in [lo, hi), in order.
	Entries(lo, hi uint64) iter.Seq2[log.LogEntry, error]
	// ReadEntry reads one entry into a record of the caller's.
	ReadEntry(index uint64, into log.LogEntry) error
	// ReadEntries reads the entries with indexes in [lo, hi) into a record of the caller's, one after
	// the other, and yields their indexes.
	ReadEntries(lo, hi uint64, into log.LogEntry) iter.Seq2[uint64, error]
	// EntriesLimit returns the entries with indexes in [lo, hi), in order: as many as have at most
	// maxBytes bytes together, but at least one.
	EntriesLimit(lo, hi, maxBytes uint64) ([]log.LogEntry, error)
	// ReadAll returns the metadata, the state, and all entries from where the log was opened on.
	ReadAll() (metadata []byte, st log.HardState, ents []log.LogEntry, err error)
}

var (
	_ Storage     = (*WAL)(nil)
	_ ReadStorage = (*WAL)(nil)
	_ ReadStorage = (*Reader)(nil)
)
