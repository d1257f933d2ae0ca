package etcdraft

import (
	"bytes"
	"sync"

	"go.uber.org/zap"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/etcdraft/snap"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// Storage keeps what a raft node must not forget in a log: its entries, its hard state, and which
// snapshots it has. It is a raft.Storage. All methods are safe for concurrent use, but only one
// goroutine saves what raft asks for, as raft demands.
//
// The log is the only copy of the entries. The newest ones are also held decoded, up to a limit of
// bytes, because raft reads them again and again.
type Storage struct {
	lg       *zap.Logger
	w        *wal.WAL
	snaps    *snap.Dir
	ownSnaps bool // Close closes snaps
	onError  func(error)

	// The locks are taken in this order. Only mu is needed for the methods of raft.Storage that read
	// nothing, so it is never held while the log, or a snapshot, is read or written.
	snapping  sync.Mutex   // one CreateSnapshot at a time
	saving    sync.Mutex   // one save at a time; guards saved and records
	replacing sync.RWMutex // held for a save that replaces entries, and shared for reading the log
	mu        sync.RWMutex // guards what follows, which changes only with saving or by Compact

	saved   []savedEntry
	records []log.LogEntry

	hard   walpb.HardState
	snap   snap.Meta // the newest one that is durable
	given  uint64    // the index of the newest one that the log was given
	last   uint64
	terms  terms
	tail   tail
	flight flight
}

// flight is what Append has begun and what may not be written yet.
type flight struct {
	pending *wal.Pending // the last save; nil: none
	low     uint64       // the lowest entry in those saves
}

var _ raft.Storage = (*Storage)(nil)

// InitialState implements raft.Storage.
func (s *Storage) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return hardState(s.hard), members(s.snap), nil
}

// members returns those at a snapshot, as raft wants them: a copy, and never nil.
func members(m snap.Meta) *raftpb.ConfState {
	if m.ConfState == nil {
		return &raftpb.ConfState{}
	}
	return clone(m.ConfState)
}

// FirstIndex implements raft.Storage.
func (s *Storage) FirstIndex() (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.terms.dummy().first + 1, nil
}

// LastIndex implements raft.Storage.
func (s *Storage) LastIndex() (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.last, nil
}

// Term implements raft.Storage. It reads nothing and allocates nothing.
func (s *Storage) Term(i uint64) (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case i < s.terms.dummy().first:
		return 0, raft.ErrCompacted
	case i > s.last:
		return 0, raft.ErrUnavailable
	}
	return s.terms.of(i), nil
}

// Snapshot implements raft.Storage: it returns which snapshot is the newest one, without its data.
// Whoever sends a MsgSnap streams the data beside it, from Snapshots.
func (s *Storage) Snapshot() (*raftpb.Snapshot, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	m := s.snap
	return &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
		Index: &m.Index, Term: &m.Term, ConfState: members(m),
	}}, nil
}

// Stats returns the counters of the log.
func (s *Storage) Stats() wal.Stats { return s.w.Stats() }

// Metadata returns the metadata of a log that etcd has made, which holds the ids of the member and
// of its cluster, as etcd encodes them. It returns nil for a log that this package has made.
func (s *Storage) Metadata() []byte {
	if bytes.HasPrefix(s.w.Metadata(), []byte(metadataHead)) {
		return nil
	}
	return s.w.Metadata()
}

// Snapshots returns where the snapshots are.
func (s *Storage) Snapshots() *snap.Dir { return s.snaps }

// Close makes durable what was saved, and closes the log.
func (s *Storage) Close() error {
	err := s.w.Close()
	if s.ownSnaps && err == nil {
		err = s.snaps.Close()
	}
	return err
}

// Abandon ends the use as a crash of the process would, for tests of programs: nothing that waits
// is written, and the next Open finds what a kill leaves.
func (s *Storage) Abandon() {
	s.w.Abandon()
	if s.ownSnaps {
		s.snaps.Close()
	}
}
