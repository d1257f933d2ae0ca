package wal

import (
	"slices"

	"github.com/seed449c39bc/wal/internal/access"
	"github.com/seed449c39bc/wal/internal/vfs"
)

func init() {
	access.WithFS = func(fsys vfs.FS) any { return Option(func(o *options) { o.fs = fsys }) }
	access.Of = func(opts any) (access.Settings, error) {
		given := false // a registry, which newOptions always returns one of
		look := func(o *options) { given = o.registry != nil }
		o, err := newOptions(append(slices.Clone(opts.([]Option)), look))
		return access.Settings{FS: o.fs, EtcdFormat: o.etcdFormat, HasRegistry: given}, err
	}
}
