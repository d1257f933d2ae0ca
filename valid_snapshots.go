package wal

import (
	"cmp"
	"errors"
	"slices"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/log"
)

// ValidSnapshots returns the snapshots recorded in the log in dir that it can be opened at and
// whose index is at most the last committed one, ascending by index, each once. A state machine
// opens the log at the newest of them that it still has. Where no state was ever saved, all that
// was saved counts as committed; the snapshot of a Restore and one at the index of a Compact
// always do. A new log holds one with index 0.
//
// Whatever is listed opens, and what is recorded, committed and opens is listed. That need not be
// all of the log: when segments that a snapshot has made needless are damaged or missing, it is
// listed, with a warning. If there is none left, that damage is the error. There is none either in
// a log that was compacted and holds no snapshot from there on: it opens at nil.
//
// It takes no lock and changes nothing; a writer may be using the log.
func ValidSnapshots(lg *zap.Logger, dir string, opts ...Option) ([]log.Snapshot, error) {
	o, d, err := openAt(dir, opts)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	l := &loader{dir: d, registry: o.registry, maxFiles: o.maxOpenFiles, wanted: anySnapshot}
	s, err := survey(l, l.loadBeside)
	if err != nil {
		return nil, err
	}
	valid, err := s.snapshots()
	if err != nil {
		return nil, err
	}
	if len(valid) == 0 && s.damage != nil {
		return nil, s.damage
	}
	lg = orNop(lg)
	if s.damage != nil {
		lg.Warn("a part of the log is damaged that the snapshots in it have made needless", zap.String("dir", dir), zap.Error(s.damage))
	}
	lg.Debug("snapshots in the log", zap.String("dir", dir), zap.Int("recorded", len(s.recorded)), zap.Int("valid", len(valid)))
	return valid, nil
}

func anySnapshot(uint64) bool { return true }

// What a log can be opened at
//
// An open at a snapshot reads from the segment that holding returns for its index, or, if the
// snapshot is not recorded from there on, from the oldest segment. So it does not care for damage
// before. One function says which snapshots that is true of, surveyed.snapshots, and Repair and
// ValidSnapshots ask it; that the entries behind a snapshot follow is the question of goesOnAt,
// which an open asks too.

// surveyed is the end of a log, as far back as it can be read: the longest run of segments up
// to the last one without damage.
type surveyed struct {
	*loaded
	before []segmentName // the segments before that run; none if there is no damage
	damage error         // the first damage, a *CorruptionError; nil: none
	whole  *loaded       // what stands before the first damage; the same as loaded if there is none
}

// survey reads the log, from the oldest segment on and, where that meets damage, from the first
// segment from which it does not. load is a way of the loader's, which keeps the snapshots, to load
// a log. It is an error if even the last segment alone cannot be read.
func survey(l *loader, load func(pick func([]segmentName) (int, error)) (*loaded, error)) (*surveyed, error) {
	s := &surveyed{}
	var from segmentName // where to begin
	behind := false      // or behind it
	for {
		ld, err := load(func(names []segmentName) (int, error) {
			i, there := slices.BinarySearchFunc(names, from, segmentName.compare)
			if there && behind {
				i++
			}
			if i == len(names) {
				return 0, s.damage
			}
			s.before = names[:i]
			return i, nil
		})
		var c *CorruptionError
		switch {
		case err == nil:
			if s.loaded = ld; s.damage == nil {
				s.whole, s.before = ld, nil
			}
			return s, nil
		case ld == nil || !errors.As(err, &c):
			return s, err
		case s.damage == nil:
			s.damage, s.whole = err, ld
			l.placeOnly = true // what is at stake is known
		}
		// The damage can lie in how the segment follows the one before. If not, it shows again.
		from, _ = parseSegmentName(c.Segment)
		behind = from.compare(ld.names[0]) <= 0
	}
}

// snapshots returns the snapshots that are committed and that the log opens at, as ValidSnapshots
// does.
func (s *surveyed) snapshots() (valid []log.Snapshot, err error) {
	committed, err := committedIn(s.registry, s.state)
	if err != nil {
		return nil, err
	}
	var found []recordedSnapshot
	seen := map[string]bool{}
	for _, r := range s.recorded {
		counts := r.index <= committed || r.committed
		if counts && !seen[string(r.data)] && s.opensAt(r.snapshotMark, committed) {
			seen[string(r.data)] = true
			found = append(found, r)
		}
	}
	slices.SortStableFunc(found, func(a, b recordedSnapshot) int { return cmp.Compare(a.index, b.index) })
	for _, r := range found {
		valid = append(valid, r.snap)
	}
	return valid, nil
}

// opensAt reports whether an open at a snapshot, whose record it is, finds all that it needs.
func (s *surveyed) opensAt(m snapshotMark, committed uint64) bool {
	if _, ok := s.goesOnAt(m.index, committed); !ok {
		return false
	}
	if len(s.before) == 0 {
		return true
	}
	names := slices.Concat(s.before, s.names)
	h := max(holding(names, m.index), 0)
	return h >= len(s.before) && m.seq >= names[h].seq
}
