package wal

import (
	"fmt"

	"github.com/seed449c39bc/wal/log"
)

// Restore replaces the whole log by a snapshot that was received from elsewhere, and what follows
// it, as one save: after a crash the old log is there, or the new one. All entries before are gone,
// those of the same indexes with other terms too; LastIndex may become lower. The snapshot itself
// is saved elsewhere, before this call. Metadata stays, and so does the state when st is nil or
// empty, also if its commit index is above the new LastIndex: the two are never compared.
//
// The first of the entries has the index behind the snapshot's; ents may be empty. The snapshot
// counts as committed: ValidSnapshots lists it, whatever the state says. Older snapshots are no
// longer found. The space is free after a Release of the snapshot and a Purge. A follower or an
// iteration of the old entries gets an [ErrOverwritten], or [ErrCompacted] where the new log begins
// behind it.
//
// In a log opened with WithEtcdFormat it is refused with errors.ErrUnsupported. etcd itself reads
// a restored log at the snapshot, but does not know that the entries before are
// dropped: until they are purged or overwritten, those above the snapshot's index show there.
func (w *WAL) Restore(snap log.Snapshot, st log.HardState, ents []log.LogEntry) error {
	s, err := w.newRestore(snap, st, ents)
	if err != nil {
		return err
	}
	return w.commit(&s)
}

func (w *WAL) newRestore(snap log.Snapshot, st log.HardState, ents []log.LogEntry) (save, error) {
	if isNil(snap) {
		return save{}, fmt.Errorf("%w: a nil snapshot", ErrInvalidArgument)
	}
	if err := w.needsControl("restore", "save the snapshot with SaveSnap"); err != nil {
		return save{}, err
	}
	index, err := indexOf(snap)
	if err != nil {
		return save{}, err
	}
	s, err := newSave(st, ents)
	s.control, s.snap = control{controlRestore, index}, snap
	return s, err
}
