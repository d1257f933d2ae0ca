package wal

import (
	"errors"
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
// the directory was deleted, the log fails there, because what was acknowledged is gone. (On
// Windows, where nothing can be done in a directory but by its path, a log that was moved
// fails when it would have to name or delete a file.)
//
// After the first write or sync that fails, every call returns that failure,
// as an [ErrFailed]; after Close, every call returns [ErrClosed].
type WAL struct {
	view // the reading half, and the contents, which change only under writer

	lg   *zap.Logger
	opts options

	writer     sync.Mutex // guards what follows
	idle       sync.Cond  // on writer: nobody leads any more, or there is room in the open batch
	segments   []segment  // whose locks are held, by number; the last one is appended to
	headerEnd  int64      // end of the header of the last segment; 0 if it was there at Open
	head       head
	open       *batch // saves that are encoded, and not yet on their way
	flying     flight // the batch that the leader writes
	runway     runway
	spare      *batch // the next open one; nil while the leader writes
	leading    bool   // somebody writes a batch, and has the last segment's file to himself
	wanted     int    // how many wait for nobody to lead; nobody begins to meanwhile
	unsynced   bool   // there are bytes before the open batch that no sync covers
	closedMark bool   // the log ends with a CLOSED record
	closed     bool
	pipeline   filePipeline

	moved   atomic.Bool // it was said that the path names another directory
	leaving atomic.Bool // Close has begun: Purge ends at the next segment

	counting sync.Mutex // guards stats; held while the listener is told
	stats    Stats

	purging sync.Mutex // one Purge at a time, and none during and after Close; taken without writer
	closing sync.Mutex // one Close at a time; taken without writer
}

func newWAL(lg *zap.Logger, o options) *WAL {
	return &WAL{lg: orNop(lg), opts: o, open: new(batch), spare: new(batch)}
}

func (w *WAL) tailSegment() segment { return w.segments[len(w.segments)-1] }

// Save saves the entries and then the state, as one: it returns nil once both
// are on stable storage, and after a crash either all of it is there or nothing.
// Either may be nil; of both nil nothing is saved. A state that has IsEmpty and
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
		return w.life.err()
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
// before this call.
//
// One above LastIndex, as a follower receives it, lets the log go on behind it: LastIndex is
// then its index, and the entries before it are no longer shown. They are kept until an entry is
// saved behind the snapshot, or a state that commits it: until then the log still opens at an older
// snapshot, and goes on from there, because a crash may come before that state.
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
// nothing is written. In a log opened with WithEtcdFormat it is refused with
// errors.ErrUnsupported, because that format has no record for it.
func (w *WAL) TruncateBack(index uint64) error {
	began := w.now()
	if w.opts.etcdFormat {
		return fmt.Errorf("wal: truncate a log in etcd format: %w; save an entry over the ones to drop", errors.ErrUnsupported)
	}
	w.writer.Lock()
	done, err := w.truncate(index)
	if done || err != nil {
		w.unlock()
		return err
	}
	return w.await(began)
}

// truncate adds a truncation to the open batch, unless there is nothing to drop. The lock is held.
func (w *WAL) truncate(index uint64) (done bool, err error) {
	for {
		if err := w.life.err(); err != nil || index >= w.head.last {
			return true, err
		}
		if w.open.enc.sealed {
			return w.add(&save{truncate: truncateData(index)})
		}
		if w.leading {
			w.untilIdle()
		} else if err := w.cut(nil); err != nil { // etcd wrote this segment; the next one is ours
			return true, err
		}
	}
}

// A Pending is a save that has its place in the order of saves.
type Pending struct{ round *round }

// Wait returns when the save is durable, or with the error that kept it from
// being so. It may be called more than once and from several goroutines, or not at all.
func (p *Pending) Wait() error {
	<-p.round.done
	return p.round.err
}

// Append is Save in two halves: it returns once the save has its place in the
// order of saves, and Wait returns once it is durable. So one goroutine can have
// several saves on their way, which share a sync. They become durable in order, whether or not
// anybody waits. An error of Append that is not [ErrFailed] means that nothing was or will be written. The
// state and the entries may be changed once Append has returned. When about a
// megabyte is waiting to be written, Append waits too. LastIndex and readers see the
// entries once they are durable, so a caller who appends ahead counts indexes by himself.
func (w *WAL) Append(st log.HardState, ents []log.LogEntry) (*Pending, error) {
	s, err := newSave(st, ents)
	if err != nil {
		return nil, err
	}
	w.writer.Lock()
	defer w.unlock()
	if s.records() == 0 {
		return settled(), w.life.err()
	}
	done, err := w.add(&s)
	if err != nil {
		return nil, err
	}
	if done {
		return settled(), nil
	}
	return &Pending{w.open.join()}, nil
}

// settled is a Pending of what is durable already.
func settled() *Pending {
	r := &round{done: make(chan struct{})}
	close(r.done)
	return &Pending{r}
}
