package peers_test

import (
	"bytes"
	"io"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal/etcdraft/storagetest"
)

// memory is a raft.MemoryStorage as a program uses it.
type memory struct{ *raft.MemoryStorage }

// volatile is one that is all there is.
type volatile struct{ memory }

func openMemory(string) (storagetest.Store, error) {
	return volatile{memory{raft.NewMemoryStorage()}}, nil
}

func (volatile) Volatile() {}

func (m memory) Save(rd raft.Ready) error {
	if !raft.IsEmptySnap(rd.Snapshot) {
		if err := m.ApplySnapshot(rd.Snapshot); err != nil {
			return err
		}
	}
	if !raft.IsEmptyHardState(rd.HardState) {
		if err := m.SetHardState(rd.HardState); err != nil {
			return err
		}
	}
	return m.Append(rd.Entries)
}

func (m memory) CreateSnapshot(
	index uint64, cs *raftpb.ConfState, write func(io.Writer) error,
) error {
	var data bytes.Buffer
	if err := write(&data); err != nil {
		return err
	}
	_, err := m.MemoryStorage.CreateSnapshot(index, cs, data.Bytes())
	return err
}

func (m memory) Close() error { return nil }
