package wal

import (
	"fmt"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
)

// Restore replaces the whole log by a snapshot that was received from elsewhere and what follows
// it, as one save: after a crash there is either the old log or the new one. All earlier entries
// are gone, including those with the same indexes and other terms; LastIndex may become lower. The
// snapshot itself is saved elsewhere, before this call. The metadata stays, and so does the state
// if st is nil or empty, even if its commit index is above the new LastIndex: the two are never
// compared.
//
// The first of the entries has the index behind the snapshot's; ents may be empty. The snapshot
// counts as committed: ValidSnapshots lists it, whatever the state says. Older snapshots are no
// longer found. The space of the old log is free after a Release of the snapshot and a Purge. A
// follower or an iteration of the old entries gets an [ErrOverwritten], or an [ErrCompacted] if the
// new log begins behind what it would read next.
//
// In a log opened with [WithEtcdFormat], Restore is refused with errors.ErrUnsupported. etcd itself
// can read a restored log at the snapshot, but does not know that the entries before are dropped:
// until they are purged or overwritten, etcd shows those above the snapshot's index.
func (w *WAL) Restore(snap log.Snapshot, st log.HardState, ents []log.LogEntry) error {
	s, err := w.newRestore(snap, st, ents)
	if err != nil {
		return err
	}
	return w.commit(&s)
}

// newRestore returns the save that Restore writes.
func (w *WAL) newRestore(snap log.Snapshot, st log.HardState, ents []log.LogEntry) (save, error) {
	if codec.IsNil(snap) {
		return save{}, fmt.Errorf("%w: a nil snapshot", ErrInvalidArgument)
	}
	if err := w.needsControl("restore", "save the snapshot with SaveSnap"); err != nil {
		return save{}, err
	}
	index, err := codec.IndexOf(snap)
	if err != nil {
		return save{}, err
	}
	s, err := newSave(st, ents)
	s.control, s.snap = control{frame.ControlRestore, index}, snap
	return s, err
}
