package wal

import (
	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/log"
)

// ValidSnapshots returns the snapshots that are recorded in the log in dir, that it can be opened
// at, and whose index is at most the last committed one. They are ascending by index, and each is
// listed once. A state machine opens the log at the newest of them that it still has. If no state
// was ever saved, everything that was saved counts as committed. The snapshot of a Restore, and one
// at the index of a Compact, always do. A new log holds one snapshot, with index 0.
//
// The log opens at every snapshot that is listed, and every snapshot that is recorded and committed
// and that the log opens at is listed. For that not all of the log need be readable: if the
// segments that a snapshot has made needless are damaged or missing, cannot be read, or hold
// records of a newer version, the snapshot is listed, and a warning is logged. If no snapshot is
// left, that damage is the error. Without damage, the list is empty if the log was compacted and
// holds no snapshot from there on: such a log opens at nil.
//
// It takes no lock and changes nothing. A writer may be using the log.
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
	lg.Debug("snapshots in the log", zap.String("dir", dir),
		zap.Int("recorded", len(s.recorded)), zap.Int("valid", len(valid)))
	return valid, nil
}
