package wal

import (
	"fmt"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/log"
)

// WAL is a log that is open for appending and reading. All methods are safe
// for concurrent use; saves take effect in the order in which they get the
// writer's lock. Exactly one WAL, in all processes, can have a log open.
//
// The directory is held open. When its path names another one since, because it was renamed or
// replaced, or a link was switched, the log goes on in its own directory, and touches nothing in
// the other one; a warning says so, once, at the next change of segments, Purge or Close. When
// the directory was deleted, the log fails then, because what was acknowledged is gone. (On
// Windows, where nothing can be done in a directory but by its path, a log that was moved
// fails when it would have to name or delete a file.)
//
// After the first write or sync that fails, every call that saves, syncs, purges or
// reads entries returns that failure, as an [ErrFailed], also after Close. After Close of a
// log that did not fail they return [ErrClosed]. An argument that is refused always is
// refused first, with [ErrInvalidArgument]. The getters (FirstIndex, LastIndex, Metadata, State,
// Snapshot, Stats) go on to tell what was durable. Follow and a Pending first give what is
// due: entries that are durable, and the result of a save that was made.
type WAL struct {
	view // the reading half, and the contents, which change only under writer

	opts options
	teller

	writer     sync.Mutex    // guards what follows
	idle       sync.Cond     // on writer: nobody leads any more, or there is room in the open batch
	segments   locked        // by number; the last one is appended to
	dropped    []segmentName // released and not deleted yet, by number
	headerEnd  int64         // end of the header of the last segment; 0 if it was there at Open
	head       head
	types      *savedTypes
	open       *batch // saves that are encoded, and not yet on their way
	flying     flight // the batch that the leader writes
	runway     runway
	spare      *batch // the next open one; nil while the leader writes
	leading    bool   // somebody writes a batch, and has the last segment's file to himself
	wanted     int    // how many wait for nobody to lead; nobody begins to meanwhile
	unsynced   bool   // there are bytes before the open batch that no sync covers
	bare       bool   // the last segment has no prepared space
	closedMark bool   // the log ends with a CLOSED record
	closed     bool
	owes       bool  // who holds the lock has done something that is to be told
	closeErr   error // what the first Close returned
	pipeline   filePipeline
	vain       vain

	moved   atomic.Bool   // it was said that the path names another directory
	lacks   atomic.Uint32 // of the file system, that were warned of
	leaving atomic.Bool   // Close has begun: Purge ends at the next segment

	counting sync.Mutex // guards stats
	stats    Stats

	purging sync.Mutex // one Purge at a time, and none during and after Close; taken without writer
	closing sync.Mutex // one Close at a time; taken without writer
}

func newWAL(lg *zap.Logger, o options) *WAL {
	w := &WAL{opts: o, open: new(batch), spare: new(batch)}
	w.lg, w.listener = orNop(lg), &w.opts.listener
	return w
}

func (w *WAL) tailSegment() segment { return w.segments[len(w.segments)-1] }

// Save saves the entries and then the state, as one: it returns nil once both
// are on stable storage, and after a crash either all of it is there or nothing.
// Either may be nil; of both nil nothing is saved, and Save returns once the saves
// before it are. A state that has IsEmpty and
// is empty is left out. A state alone, of a type that has MustSync, may be saved
// without a sync, when MustSync allows it.
//
// The first entry's index is at most LastIndex+1, each further one's at most
// one more than that of the one before; else the error is [ErrIndexGap]. An
// entry whose index is not above the last one replaces it and all after it,
// also at or below the snapshot. Index 0 is refused. When an error is not
// [ErrFailed], nothing was written and the log goes on.
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

// newSave is a save of entries and a state, unless the state is nil or empty.
func newSave(st log.HardState, ents []log.LogEntry) (save, error) {
	s := save{ents: ents}
	if st == nil {
		return s, nil
	}
	if isNil(st) {
		return s, fmt.Errorf("%w: a nil pointer as a state; pass nil to save none", ErrInvalidArgument)
	}
	empty, err := isEmpty(st)
	if !empty {
		s.st = st
	}
	return s, err
}

// SaveState is Save of a state alone.
func (w *WAL) SaveState(st log.HardState) error { return w.Save(st, nil) }

// SaveEntry is Save of entries alone.
func (w *WAL) SaveEntry(ents []log.LogEntry) error { return w.Save(nil, ents) }

// SaveSnap records durably that the state machine has a snapshot at an index,
// so that the log can be opened there. The snapshot itself is saved elsewhere,
// before this call; a small one may be the record itself.
//
// One above LastIndex, as a follower receives it, lets the log go on behind it: LastIndex is
// then its index, and the entries before it are no longer shown. They are kept until an entry is
// saved behind the snapshot, or a state that commits it, or they are compacted: until then the log
// still opens at an older snapshot, and goes on from there, because a crash may come before that
// state.
//
// One at or below LastIndex changes no entry: those above it and below it stay, be their terms
// what they are. A follower whose log disagrees with the snapshot it has received
// needs Restore, which drops them.
func (w *WAL) SaveSnap(snap log.Snapshot) error {
	if isNil(snap) {
		return fmt.Errorf("%w: a nil snapshot", ErrInvalidArgument)
	}
	return w.commit(&save{snap: snap})
}

// TruncateBack drops the entries above index, durably. If there are none,
// nothing is written; it then returns once they are gone for good, also when it is
// another call on its way that drops them.
//
// Snapshots above index stay recorded, as they do when entries below them are replaced: Snapshot
// returns them, and the log opens at them with a lower LastIndex. Such a snapshot stands for what
// was dropped, and what is saved anew up to its index is not read behind it. In Raft that does not
// happen, because a snapshot is of committed entries. Who truncates below a snapshot himself saves
// one of what is left behind it, or uses Restore.
//
// In a log opened with WithEtcdFormat it is refused with
// errors.ErrUnsupported, because that format has no record for it.
func (w *WAL) TruncateBack(index uint64) error {
	began := w.now()
	if err := w.needsControl("truncate", "save an entry over the ones to drop"); err != nil {
		return err
	}
	w.writer.Lock()
	if _, err := w.truncate(index); err != nil {
		w.unlock()
		return err
	}
	return w.awaitAll(began)
}

// truncate adds a truncation to the open batch, unless there is nothing to drop. The lock is held.
func (w *WAL) truncate(index uint64) (done bool, err error) {
	if err := w.life.err(); err != nil || index >= w.head.last {
		return true, err
	}
	return w.add(&save{control: control{controlTruncate, index}})
}
