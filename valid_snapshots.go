package wal

import (
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
// all of the log: when segments that a snapshot has made needless are damaged or missing, cannot be
// read, or hold records of a newer version, it is listed, with a warning. If there is none left,
// that damage is the error. There is none either in a log that was compacted and holds no snapshot
// from there on: it opens at nil.
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
		lg.Warn("a part of the log cannot be read that its snapshots have made needless",
			zap.String("dir", dir), zap.Error(s.damage))
	}
	lg.Debug("snapshots in the log", zap.String("dir", dir), zap.Int("recorded", len(s.recorded)), zap.Int("valid", len(valid)))
	return valid, nil
}
