package wal

import (
	"fmt"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/log"
)

// A Pending is a save that has its position in the order of saves. It is done once the save is as
// durable as the call that waits for it would have made it: on stable storage, except with
// [WithNoSync] or for a state whose MustSync says no. Append and its like return it. For the zero
// value, Done returns a closed channel, and Wait and Err return an [ErrInvalidArgument].
type Pending struct{ waiters *waiters }

// Wait returns nil when the save is done, or the error that kept it from being done: [ErrFailed] or
// [ErrClosed]. It may be called more than once and from several goroutines, or not at all.
func (p *Pending) Wait() error {
	<-p.Done()
	return p.Err()
}

// Done returns a channel that is closed when Wait would return at once.
func (p *Pending) Done() <-chan struct{} {
	if p == nil || p.waiters == nil {
		return over
	}
	return p.waiters.done
}

// Err returns what Wait returns, and nil as long as Wait would not return.
func (p *Pending) Err() error {
	if p == nil || p.waiters == nil {
		return fmt.Errorf("%w: a Pending that no Append has returned", ErrInvalidArgument)
	}
	select {
	case <-p.waiters.done:
		return p.waiters.err
	default:
		return nil
	}
}

// over is a closed channel.
var over = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Append is Save in two halves: it returns once the save has its position in the order of saves,
// and Wait returns once the save is as durable as Save makes it, which with [WithNoSync] means
// written. So one goroutine can have several saves under way, which share a sync. They become
// durable in order, whether or not a caller waits for them. An error of Append that is not
// [ErrFailed] means that nothing was or will be written.
//
// The state and the entries may be changed once Append has returned. When about a megabyte is
// waiting to be written, Append waits too. LastIndex and readers see the entries when Wait would
// return, so a caller that appends several saves ahead has to count indexes itself.
func (w *WAL) Append(st log.HardState, ents []log.LogEntry) (*Pending, error) {
	s, err := newSave(st, ents)
	if err != nil {
		return nil, err
	}
	return w.appendSave(&s)
}

// AppendSnap is SaveSnap in two halves, as [WAL.Append] is Save.
func (w *WAL) AppendSnap(snap log.Snapshot) (*Pending, error) {
	if codec.IsNil(snap) {
		return nil, fmt.Errorf("%w: a nil snapshot", ErrInvalidArgument)
	}
	return w.appendSave(&save{snap: snap})
}

// AppendRestore is Restore in two halves, as [WAL.Append] is Save.
func (w *WAL) AppendRestore(
	snap log.Snapshot, st log.HardState, ents []log.LogEntry,
) (*Pending, error) {
	s, err := w.newRestore(snap, st, ents)
	if err != nil {
		return nil, err
	}
	return w.appendSave(&s)
}

// AppendTruncate is TruncateBack in two halves, as [WAL.Append] is Save.
func (w *WAL) AppendTruncate(index uint64) (*Pending, error) {
	if err := w.needsControl("truncate", "save an entry over the ones to drop"); err != nil {
		return nil, err
	}
	w.writer.Lock()
	defer w.unlock()
	done, err := w.addTruncate(index)
	return w.pendingOf(done, err)
}

// appendSave encodes a save and returns its Pending.
func (w *WAL) appendSave(s *save) (*Pending, error) {
	w.writer.Lock()
	defer w.unlock()
	if s.records() == 0 {
		return w.pendingOf(true, w.sticky.err())
	}
	done, err := w.add(s)
	return w.pendingOf(done, err)
}

// pendingOf returns the Pending of a save that add or addTruncate has dealt with. A save that is
// done, or that has nothing to write, is done once everything encoded is, and no sooner: what it
// asks for may come from a save that is still under way. The lock is held, and the caller gives it
// up with unlock.
func (w *WAL) pendingOf(done bool, err error) (*Pending, error) {
	switch {
	case err != nil:
		return nil, err
	case done && w.allDone():
		return &Pending{&waiters{done: over}}, nil
	}
	return &Pending{w.open.join()}, nil
}

// SaveNext saves entries as SaveEntry does, behind the last one, and gives them their indexes: the
// first one gets the index after the last entry or snapshot, and so on. It returns the first one's
// index. So callers need not count, and several goroutines may save at once: each gets indexes of
// its own, in the order of the saves.
//
// The entries must have SetIndex of [log.IndexSetter], as [log.JSON] has; otherwise the error is
// [ErrInvalidArgument]. With any error that is not [ErrFailed], nothing was written, and the
// indexes that the entries were given are void. Without entries, SaveNext saves nothing and returns
// the index that the next entry will get.
func (w *WAL) SaveNext(ents ...log.LogEntry) (first uint64, err error) {
	s := save{ents: ents, next: true}
	if len(ents) == 0 {
		w.writer.Lock()
		defer w.unlock()
		return w.appended.last + 1, w.sticky.err()
	}
	if err := w.commit(&s); err != nil {
		return 0, err
	}
	return s.first, nil
}

// AppendNext is SaveNext in two halves, as [WAL.Append] is Save.
func (w *WAL) AppendNext(ents ...log.LogEntry) (first uint64, p *Pending, err error) {
	s := save{ents: ents, next: true}
	if p, err = w.appendSave(&s); err != nil {
		return 0, nil, err
	}
	return s.first, p, nil
}
