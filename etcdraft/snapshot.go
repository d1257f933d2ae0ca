package etcdraft

import (
	"fmt"
	"io"

	"go.uber.org/zap"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/etcdraft/snap"
)

// CreateSnapshot makes a snapshot of the state machine as it is after entry index, which is
// applied. write is called once and writes the snapshot's data as a stream; cs are the members of
// the cluster by then, nil for those of the snapshot before. When CreateSnapshot returns nil, the
// snapshot is durable and is what Snapshot returns. Older ones are deleted. Saves go on meanwhile.
//
// The data is durable before the log records the snapshot. A crash in between leaves a file that
// the next snapshot deletes. If the error is raft.ErrSnapOutOfDate, raft.ErrCompacted or
// raft.ErrUnavailable, there is a newer snapshot, or the entry is not in the log.
func (s *Storage) CreateSnapshot(
	index uint64, cs *raftpb.ConfState, write func(io.Writer) error,
) error {
	s.snapping.Lock()
	defer s.snapping.Unlock()
	if index <= s.newest() {
		return raft.ErrSnapOutOfDate
	}
	term, err := s.Term(index)
	if err != nil {
		return err
	}
	if cs == nil { // they have not changed, as raft.MemoryStorage has it
		s.mu.RLock()
		cs = s.snap.ConfState
		s.mu.RUnlock()
	}
	m := snap.Meta{Index: index, Term: term, ConfState: clone(cs)}
	if err := s.snaps.Create(m, write); err != nil {
		return err
	}
	if err := s.record(m); err != nil {
		return err
	}
	s.purge(index)
	return nil
}

// purge deletes the snapshots below one that is durable.
func (s *Storage) purge(index uint64) {
	if err := s.snaps.Purge(index); err != nil {
		s.lg.Warn("old snapshots cannot be deleted", zap.Error(err))
	}
}

// record has the log record a snapshot, unless raft has received a newer one meanwhile.
func (s *Storage) record(m snap.Meta) error {
	p, err := s.appendRecord(m)
	if err == nil {
		err = p.Wait()
	}
	if err != nil && err != raft.ErrSnapOutOfDate {
		err = fmt.Errorf("etcdraft: record the snapshot at index %d: %w", m.Index, err)
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Index > s.snap.Index {
		s.snap = m
	}
	return nil
}

// appendRecord gives the record of a snapshot its place among the saves.
func (s *Storage) appendRecord(m snap.Meta) (*wal.Pending, error) {
	s.saving.Lock()
	defer s.saving.Unlock()
	if m.Index <= s.newest() {
		return nil, raft.ErrSnapOutOfDate
	}
	p, err := s.w.AppendSnap(toRecord(m))
	if err == nil {
		s.mu.Lock()
		s.given = m.Index
		s.mu.Unlock()
	}
	return p, err
}

// Compact drops the entries up to index, durably, and frees their space. FirstIndex is then
// index+1; the term of entry index is still known. A program keeps as many entries behind its
// snapshot as a follower that lags a little needs, so that it need not be sent the snapshot: index
// is at most that of the snapshot, otherwise the error is a wal.ErrInvalidArgument. If the entry is
// gone already, it is raft.ErrCompacted. Saves go on meanwhile.
//
// The log keeps entry index itself: the next open reads the term from it. So a compaction up to
// entry 1 drops nothing, and that entry is the first one again after the next open.
func (s *Storage) Compact(index uint64) error {
	s.mu.RLock()
	dummy, newest := s.terms.dummy().first, s.snap.Index
	s.mu.RUnlock()
	switch {
	case index <= dummy:
		return raft.ErrCompacted
	case index > newest:
		return fmt.Errorf("etcdraft: %w: compaction up to %d, the newest snapshot is at %d",
			wal.ErrInvalidArgument, index, newest)
	}
	if err := s.w.Compact(index - 1); err != nil {
		return fmt.Errorf("etcdraft: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if index > s.terms.dummy().first { // no received snapshot, and no other Compact, came first
		s.terms.compact(index)
		s.tail.compact(index)
	}
	return nil
}
