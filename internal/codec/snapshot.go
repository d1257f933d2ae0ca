package codec

import (
	"errors"
	"fmt"

	"github.com/seed449c39bc/wal/log"
)

// SnapshotID identifies a snapshot: by its index and, where its type has one, by its term.
type SnapshotID struct {
	Index  uint64
	Term   uint64
	Termed bool // the type has a term
}

// Is reports whether m identifies the wanted snapshot. Terms are compared only if both are known.
func (m SnapshotID) Is(want SnapshotID) bool {
	return m.Index == want.Index && (!m.Termed || !want.Termed || m.Term == want.Term)
}

// IDOf returns the identity of a snapshot. A panic of its getters is the caller's to guard.
func IDOf(snap log.Snapshot) SnapshotID {
	id := SnapshotID{Index: snap.GetIndex()}
	if t, ok := snap.(log.TermedSnapshot); ok {
		id.Term, id.Termed = t.GetTerm(), true
	}
	return id
}

// AskedID is IDOf for a snapshot of the caller's: a panic is an ErrInvalidArgument.
func AskedID(snap log.Snapshot) (m SnapshotID, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w: a getter of %T: %w", ErrInvalidArgument, snap, err)
		}
	}()
	defer Guard(&err)
	return IDOf(snap), nil
}

// IsSnapshot reports whether a recorded snapshot is the wanted one. One with the same index and
// another term is an ErrSnapshotMismatch; types without a term have no such error.
func IsSnapshot(recorded, wanted log.Snapshot) (is bool, err error) {
	defer func() {
		if err != nil && !errors.Is(err, ErrSnapshotMismatch) {
			err = fmt.Errorf("%w: a getter of %T or %T: %w", ErrInvalidArgument, recorded, wanted, err)
		}
	}()
	defer Guard(&err)
	if recorded.GetIndex() != wanted.GetIndex() {
		return false, nil
	}
	r, rok := recorded.(log.TermedSnapshot)
	w, wok := wanted.(log.TermedSnapshot)
	if !rok || !wok {
		return true, nil
	}
	if have, want := r.GetTerm(), w.GetTerm(); have != want {
		return false, fmt.Errorf("%w: index %d has term %d in the log and %d was asked for; "+
			"see ValidSnapshots",
			ErrSnapshotMismatch, wanted.GetIndex(), have, want)
	}
	return true, nil
}
