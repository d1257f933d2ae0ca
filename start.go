package wal

import (
	"fmt"
	"slices"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
)

// start is where an open begins to read: at a snapshot, or at the oldest segment. It is for one
// open.
type start struct {
	snap    log.Snapshot // nil: the oldest segment
	index   uint64       // of the snapshot, 0 without one
	bad     error        // why the snapshot's index is not known
	oldest  bool         // read from the oldest segment whatever the snapshot's index
	skipped bool         // the segments picked are not all there are
}

// startAt returns the start at snap, or at the oldest segment if snap is nil.
func startAt(snap log.Snapshot) *start {
	if codec.IsNil(snap) {
		return &start{}
	}
	index, err := codec.IndexOf(snap)
	return &start{snap: snap, index: index, bad: err}
}

// pick is the picker of an open.
func (s *start) pick(names []segmentName) (int, error) {
	if s.bad != nil {
		return 0, s.bad
	}
	s.skipped = false
	if s.snap == nil || s.oldest {
		return 0, nil
	}
	// A snapshot below all names can be one to which the log was restored.
	i := max(holding(names, s.index), 0)
	s.skipped = i > 0
	return i, nil
}

// loader returns a loader that looks for the snapshot.
func (s *start) loader(o options, dir vfs.Dir) *loader {
	l := &loader{dir: dir, registry: o.registry, maxFiles: o.maxOpenFiles}
	if s.snap != nil {
		l.wanted = func(index uint64) bool { return index == s.index }
	}
	return l
}

// load loads the log from the snapshot on. l looks for the snapshot, and by is one of the ways in
// which l loads a log.
func (s *start) load(l *loader, by loadFunc) (*loaded, error) {
	ld, err := by(s.pick)
	for err == nil && s.retry(ld) {
		ld, err = by(s.pick)
	}
	if l.blamesSegment(err) && s.snap != nil {
		ld, err = s.loadRestored(l, by, err)
	}
	if err == nil {
		err = s.check(ld)
	}
	if err == nil {
		err = ld.checkState(l.registry)
	}
	return ld, err
}

// loadRestored loads what stands after the damage, if the log was restored there and records the
// snapshot there. A RESTORE drops everything before it, so what is damaged is not needed. Otherwise
// loadRestored returns damage.
func (s *start) loadRestored(l *loader, by loadFunc, damage error) (*loaded, error) {
	l.positionOnly = true // damage says which entries are lost
	behind, err := survey(l, by)
	if err != nil || behind.damage != nil && !behind.restoredWithin() {
		return nil, damage
	}
	if found, _ := s.found(behind.loaded); !found {
		return nil, damage
	}
	if behind.damage == nil {
		return behind.loaded, nil
	}
	return by(func(names []segmentName) (int, error) { // with the locks of what is loaded
		i, _ := slices.BinarySearchFunc(names, behind.names[0], segmentName.compare)
		return min(i, len(names)-1), nil
	})
}

// found reports whether the snapshot is recorded in what was loaded. mismatch says that it is
// recorded with another term only.
func (s *start) found(ld *loaded) (found bool, mismatch error) {
	for _, r := range ld.recordedSnapshots() {
		is, err := codec.IsSnapshot(r.snap, s.snap)
		if is {
			return true, nil
		}
		if err != nil {
			mismatch = err
		}
	}
	return false, mismatch
}

// retry reports whether the log has to be loaded again from the oldest segment, because the
// snapshot was not found and earlier segments were left out. It may stand in those: a log that was
// overwritten below the snapshot goes on in a segment with a lower index in its name, and the
// record of the snapshot stands before that segment.
func (s *start) retry(ld *loaded) bool {
	if s.snap == nil || !s.skipped {
		return false
	}
	found, _ := s.found(ld)
	s.oldest = !found
	return s.oldest
}

// check returns an error unless what was loaded is the log from the snapshot on. Pending jumps that
// hide the entries after the snapshot are taken back.
func (s *start) check(ld *loaded) error {
	if s.snap == nil {
		return nil
	}
	found, mismatch := s.found(ld)
	if !found && mismatch != nil {
		return mismatch
	}
	if !found {
		return fmt.Errorf("%w: index %d, the oldest segment is %s; see ValidSnapshots",
			ErrSnapshotNotFound, s.index, ld.names[0])
	}
	committed, err := committedIn(ld.registry, ld.state)
	if err != nil {
		return fmt.Errorf("wal: state saved last: %w", err)
	}
	last, ok := ld.goesOnAt(s.index, committed)
	if !ok {
		return fmt.Errorf("%w: the log goes on at entry %d behind the snapshot at %d, "+
			"because of a later snapshot: open it there; see ValidSnapshots",
			ErrIndexGap, ld.first(), s.index)
	}
	if last != ld.last {
		ld.tookBack, ld.jumped = true, ld.last
		ld.takeBack(last)
	}
	return nil
}
