package wal

import (
	"cmp"
	"slices"

	"github.com/seed449c39bc/wal/log"
)

// What a log can be opened at
//
// An open at a snapshot reads from the segment that holding returns for its index, or, if the
// snapshot is not recorded from there on, from the oldest segment. Damage before that segment does
// not concern it. Nor does damage before the segment in which the log was restored last, because a
// RESTORE drops everything before it: an open that meets damage looks for such a segment after it.
//
// Only surveyed.snapshots says which snapshots the log opens at. Repair and ValidSnapshots ask it.
// Whether the log goes on with the entries after a snapshot is decided by goesOnAt, which an open
// asks too.

// surveyed is the end of a log, as far back as it can be read: the longest run of segments without
// damage up to the last one.
type surveyed struct {
	*loaded
	before []segmentName // the segments before that run; none if there is no damage
	damage error         // why those are not read, mostly a *CorruptionError; nil: there is no damage
	whole  *loaded       // what stands before the first damage; the same as loaded if there is none
}

// survey reads the log from the oldest segment on, once. Where a segment is damaged or cannot be
// read, it begins anew after it. load is one of the ways in which l, which keeps the snapshots,
// loads a log. If not even the last segment alone can be read, that is an error; then only whole
// and damage say something.
func survey(l *loader, load loadFunc) (*surveyed, error) {
	l.skip = true
	ld, err := load(fromOldest)
	l.skip = false
	switch {
	case err != nil:
		return &surveyed{damage: err, whole: ld}, err
	case ld.damage == nil:
		return &surveyed{loaded: ld, whole: ld}, nil
	}
	s := &surveyed{loaded: ld, damage: ld.damage, whole: ld.whole}
	i, _ := slices.BinarySearchFunc(s.whole.names, ld.names[0], segmentName.compare)
	s.before = s.whole.names[:i]
	return s, nil
}

// snapshots returns the committed snapshots at which the log opens, by ascending index, as
// ValidSnapshots does.
func (s *surveyed) snapshots() (valid []log.Snapshot, err error) {
	committed, err := committedIn(s.registry, s.state)
	if err != nil {
		return nil, err
	}
	var found []recordedSnapshot
	seen := map[string]bool{}
	var all holders
	for _, n := range slices.Concat(s.before, s.names) {
		all.add(n)
	}
	for _, r := range s.recordedSnapshots() {
		counts := r.Index <= committed || r.committed
		if counts && !seen[string(r.data)] && s.opensAt(r.snapshotMark, committed, &all) {
			seen[string(r.data)] = true
			found = append(found, r)
		}
	}
	slices.SortStableFunc(found, func(a, b recordedSnapshot) int {
		return cmp.Compare(a.Index, b.Index)
	})
	for _, r := range found {
		valid = append(valid, r.snap)
	}
	return valid, nil
}

// opensAt reports whether an open at the snapshot that m marks finds everything that it needs. all
// are the segments that there are.
func (s *surveyed) opensAt(m snapshotMark, committed uint64, all *holders) bool {
	if _, ok := s.goesOnAt(m.Index, committed); !ok {
		return false
	}
	if len(s.before) == 0 || s.restoredWithin() {
		return true
	}
	n, ok := all.find(m.Index)
	return ok && n.compare(s.names[0]) >= 0 && m.seq >= n.seq
}

// anySnapshot makes a loader keep all snapshots.
func anySnapshot(uint64) bool { return true }

// restoredWithin reports whether the log was restored in one of the segments that were read. If so,
// everything before them is dropped.
func (ld *loaded) restoredWithin() bool { return ld.restored > 0 && ld.restored >= ld.names[0].seq }
