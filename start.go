package wal

import (
	"fmt"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
)

// start is where an open begins to read: at a snapshot, or at the oldest
// segment there is. It is for one open.
type start struct {
	snap    log.Snapshot // nil: the oldest segment
	index   uint64       // of the snapshot, 0 without one
	bad     error        // the snapshot cannot be asked
	oldest  bool         // read from the oldest segment whatever the snapshot's index
	skipped bool         // the segments picked are not all there are
}

func startAt(snap log.Snapshot) *start {
	if codec.IsNil(snap) {
		return &start{}
	}
	index, err := codec.IndexOf(snap)
	return &start{snap: snap, index: index, bad: err}
}

// pick chooses the first segment to read.
func (s *start) pick(names []segmentName) (int, error) {
	if s.bad != nil {
		return 0, s.bad
	}
	s.skipped = false
	if s.snap == nil || s.oldest {
		return 0, nil
	}
	i := max(holding(names, s.index), 0) // below all names there can be one that the log was restored to
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

// load loads the log from the snapshot on, with a loader that looks for it. by is a way of the
// loader's to load a log.
func (s *start) load(l *loader, by loadFunc) (*loaded, error) {
	ld, err := by(s.pick)
	for err == nil && s.retry(ld) {
		ld, err = by(s.pick)
	}
	if _, bad := l.badSegment(err); bad && s.snap != nil {
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

// loadRestored loads what is behind damage, if the log was restored there and holds the snapshot: a
// RESTORE drops all that is before it, so damage there is needless.
func (s *start) loadRestored(
	l *loader, by loadFunc, damage error,
) (*loaded, error) {
	behind, err := survey(l, by)
	if err != nil || behind.damage != nil && !behind.restoredWithin() {
		return nil, damage
	}
	if found, _ := s.found(behind.loaded); !found {
		return nil, damage
	}
	return behind.loaded, nil
}

// found reports whether the snapshot is recorded in what was loaded. mismatch is that it is there
// with another term only.
func (s *start) found(ld *loaded) (found bool, mismatch error) {
	for _, r := range ld.recorded {
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

// retry tells whether the load has to be done again from the oldest segment.
// It has when the snapshot was not found and earlier segments were left out: a log
// that was overwritten below the snapshot goes on in a segment whose name has a
// lower index, and the snapshot's record stands before that segment.
func (s *start) retry(ld *loaded) bool {
	if s.snap == nil || !s.skipped {
		return false
	}
	found, _ := s.found(ld)
	s.oldest = !found
	return s.oldest
}

// check tells whether what was loaded is the log from the snapshot on.
func (s *start) check(ld *loaded) error {
	if s.snap == nil {
		return nil
	}
	found, mismatch := s.found(ld)
	if !found && mismatch != nil {
		return mismatch
	}
	if !found {
		return fmt.Errorf("%w: index %d, the oldest segment is %s; see ValidSnapshots", ErrSnapshotNotFound, s.index, ld.names[0])
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
