// Package access is how the other modules of this repository get at what the options of a log do
// not show: an adapter keeps its own files beside the log, and tests put both on a simulated disk.
//
// The root package fills in the variables. Options are of its types, which this package cannot
// name: an any holds a wal.Option, or a []wal.Option.
package access

import "github.com/seed449c39bc/wal/internal/vfs"

// Settings are what the options of a log say.
type Settings struct {
	FS          vfs.FS
	EtcdFormat  bool
	HasRegistry bool
}

var (
	// WithFS returns the wal.Option that keeps a log on another file system.
	WithFS func(vfs.FS) any
	// Of returns what the options, a []wal.Option, say.
	Of func(opts any) (Settings, error)
)
