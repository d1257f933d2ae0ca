package wal

import "github.com/seed449c39bc/wal/internal/memfs"

// Memory is a file system in memory, for tests of programs that embed a log: logs in it do all
// that they do on a disk, faster, and last as long as it does. Their directories have paths, as on a
// disk, from "/" on. A log in it that was left with [WAL.Abandon] opens again as after a kill.
type Memory struct{ fs *memfs.FS }

// NewMemory returns an empty file system.
func NewMemory() *Memory { return &Memory{memfs.New()} }

// WithMemory has the log in memory in place of a disk. All that concerns the log takes the option:
// Create, Open, OpenForRead, Exist, Verify, Repair and so on. Default: the disk.
func WithMemory(m *Memory) Option {
	return func(o *options) {
		o.fs = nil // which is refused
		if m != nil && m.fs != nil {
			o.fs = m.fs
		}
	}
}
