package peers_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal/etcdraft/storagetest"
)

// etcd is etcd's log and its snapshots, and a raft.MemoryStorage with a second copy of the log.
type etcd struct {
	memory
	wal    *wal.WAL
	snaps  *snap.Snapshotter
	server bool
}

// openExample opens the store as etcd's example does.
func openExample(dir string) (storagetest.Store, error) { return openEtcd(dir, false) }

// openServer opens the store as etcd's server does, which repairs a torn log, and syncs a received
// snapshot.
func openServer(dir string) (storagetest.Store, error) { return openEtcd(dir, true) }

func openEtcd(dir string, server bool) (*etcd, error) {
	lg, walDir, snapDir := zap.NewNop(), filepath.Join(dir, "wal"), filepath.Join(dir, "snap")
	if err := os.MkdirAll(snapDir, 0o700); err != nil {
		return nil, err
	}
	s := &etcd{
		memory: memory{raft.NewMemoryStorage()}, snaps: snap.New(lg, snapDir), server: server,
	}
	var err error
	if !wal.Exist(walDir) {
		s.wal, err = wal.Create(lg, walDir, nil)
		return s, err
	}
	newest, err := s.newest(lg, walDir)
	if err != nil {
		return nil, err
	}
	err = s.replay(lg, walDir, newest)
	if server && errors.Is(err, io.ErrUnexpectedEOF) && wal.Repair(lg, walDir) {
		s.memory = memory{raft.NewMemoryStorage()}
		err = s.replay(lg, walDir, newest)
	}
	return s, err
}

// newest returns the newest snapshot that is there and that the log knows of, or nil.
func (s *etcd) newest(lg *zap.Logger, walDir string) (*raftpb.Snapshot, error) {
	known, err := wal.ValidSnapshotEntries(lg, walDir)
	if err != nil {
		return nil, err
	}
	newest, err := s.snaps.LoadNewestAvailable(known)
	if errors.Is(err, snap.ErrNoSnapshot) {
		return nil, nil
	}
	return newest, err
}

// replay reads the log from a snapshot on.
func (s *etcd) replay(lg *zap.Logger, walDir string, from *raftpb.Snapshot) error {
	at := &walpb.Snapshot{Index: new(uint64(0)), Term: new(uint64(0))}
	if from != nil {
		at.Index, at.Term = from.GetMetadata().Index, from.GetMetadata().Term
		if err := s.ApplySnapshot(from); err != nil {
			return err
		}
	}
	var err error
	if s.wal, err = wal.Open(lg, walDir, at); err != nil {
		return err
	}
	_, hs, ents, err := s.wal.ReadAll()
	if err != nil {
		return errors.Join(err, s.wal.Close())
	}
	if err := s.SetHardState(hs); err != nil {
		return err
	}
	return s.Append(ents)
}

// saveSnap saves a snapshot, and that there is one.
func (s *etcd) saveSnap(of *raftpb.Snapshot) error {
	if err := s.snaps.SaveSnap(of); err != nil {
		return err
	}
	md := of.GetMetadata()
	return s.wal.SaveSnapshot(&walpb.Snapshot{
		Index: md.Index, Term: md.Term, ConfState: md.ConfState,
	})
}

func (s *etcd) Save(rd raft.Ready) error {
	received := !raft.IsEmptySnap(rd.Snapshot)
	if received {
		if err := s.saveSnap(rd.Snapshot); err != nil {
			return err
		}
	}
	if err := s.wal.Save(rd.HardState, rd.Entries); err != nil {
		return err
	}
	if received && s.server {
		if err := s.wal.Sync(); err != nil {
			return err
		}
	}
	if err := s.memory.Save(rd); err != nil || !received {
		return err
	}
	return s.wal.ReleaseLockTo(rd.Snapshot.GetMetadata().GetIndex())
}

func (s *etcd) CreateSnapshot(
	index uint64, cs *raftpb.ConfState, write func(io.Writer) error,
) error {
	if err := s.memory.CreateSnapshot(index, cs, write); err != nil {
		return err
	}
	made, err := s.Snapshot()
	if err != nil {
		return err
	}
	if err := s.saveSnap(made); err != nil {
		return err
	}
	return s.wal.ReleaseLockTo(index)
}

func (s *etcd) Close() error { return s.wal.Close() }
