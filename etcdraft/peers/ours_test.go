package peers_test

import (
	"io"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/etcdraft"
	"github.com/seed449c39bc/wal/etcdraft/storagetest"
)

// ours is a Storage of this module.
type ours struct{ *etcdraft.Storage }

// OpenSnapshot implements storagetest.SnapshotOpener.
func (s ours) OpenSnapshot(index, term uint64) (io.ReadCloser, error) {
	return s.Snapshots().Open(index, term)
}

func openOurs(dir string) (storagetest.Store, error) {
	s, err := etcdraft.Open(nil, dir, etcdraft.Options{
		Tail: 2000, WAL: []wal.Option{wal.WithSegmentSize(64 << 10)},
	})
	if err != nil {
		return nil, err
	}
	return ours{s}, nil
}
