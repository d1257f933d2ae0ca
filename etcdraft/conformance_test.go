package etcdraft_test

import (
	"io"
	"testing"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/etcdraft"
	"github.com/seed449c39bc/wal/etcdraft/storagetest"
)

// store is a Storage as storagetest wants it.
type store struct{ *etcdraft.Storage }

// OpenSnapshot implements storagetest.SnapshotOpener.
func (s store) OpenSnapshot(index, term uint64) (io.ReadCloser, error) {
	return s.Snapshots().Open(index, term)
}

func TestStorage_Conforms(t *testing.T) {
	for name, tail := range map[string]int{"tail": 0, "short tail": 500, "no tail": -1} {
		t.Run(name, func(t *testing.T) {
			storagetest.Run(t, func(dir string) (storagetest.Store, error) {
				s, err := etcdraft.Open(nil, dir, etcdraft.Options{
					Tail: tail, WAL: []wal.Option{wal.WithSegmentSize(16 << 10)},
				})
				if err != nil {
					return nil, err
				}
				return store{s}, nil
			})
		})
	}
}
