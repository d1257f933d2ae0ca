package etcdraft

import (
	"bytes"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal/etcdraft/snap"
	"github.com/seed449c39bc/wal/walpb"
)

// load takes in what the log holds.
func (s *Storage) load() error {
	bootstrap, ours := bytes.CutPrefix(s.w.Metadata(), []byte(metadataHead))
	switch {
	case !ours && !isEtcds(s.w.Metadata()):
		return ErrForeign
	case !ours:
		s.lg.Info("the log is one that etcd has made; etcd's store, member/snap/db, is not taken over")
	}
	m := fromRecord(s.w.Snapshot().(*walpb.Snapshot))
	if ours && m.Index == 0 && len(bootstrap) > 0 {
		return s.bootstrap(bootstrap)
	}
	if err := s.find(&m); err != nil {
		return err
	}
	if !ours {
		if err := s.dropGhosts(m); err != nil {
			return fmt.Errorf("etcdraft: drop what etcd's snapshot has replaced: %w", err)
		}
	}
	s.snap, s.given, s.last = m, m.Index, s.w.LastIndex()
	s.tail.reset(s.last + 1)
	if err := s.loadTerms(s.w.FirstIndex()); err != nil {
		return fmt.Errorf("etcdraft: find the terms of the entries: %w", err)
	}
	s.hard = *s.w.State().(*walpb.HardState)
	// A snapshot is of what was committed, though the state that says so may not have been durable.
	s.hard.Commit, s.hard.Term = max(s.hard.Commit, m.Index), max(s.hard.Term, m.Term)
	return nil
}

// isEtcds reports whether metadata can be etcd's: none, as in its example, or a message with the
// ids of the member and of its cluster.
func isEtcds(metadata []byte) bool {
	for len(metadata) > 0 {
		num, typ, n := protowire.ConsumeField(metadata)
		if n < 0 || num > 2 || typ != protowire.VarintType {
			return false
		}
		metadata = metadata[n:]
	}
	return true
}

// bootstrap begins the log with a snapshot that has the first members. They are in the metadata,
// so a crash before the snapshot is durable leaves a log that begins again.
func (s *Storage) bootstrap(members []byte) error {
	m := snap.Meta{Index: 1, Term: 1, ConfState: new(raftpb.ConfState)}
	if err := proto.Unmarshal(members, m.ConfState); err != nil {
		return fmt.Errorf("etcdraft: the members in the log's metadata: %w", err)
	}
	if last := s.w.LastIndex(); last != 0 {
		return fmt.Errorf("%w: it has entries up to %d, and no snapshot before them", ErrForeign, last)
	}
	if err := s.snaps.Create(m, func(io.Writer) error { return nil }); err != nil {
		return err
	}
	hard := walpb.HardState{Term: 1, Commit: 1}
	if err := s.w.Restore(toRecord(m), &savedState{hard, true}, nil); err != nil {
		return fmt.Errorf("etcdraft: begin the log: %w", err)
	}
	s.begin(m)
	s.hard = hard
	return nil
}

// find sees that the newest snapshot is there. It completes what the log knows of it: before
// version 3.5, etcd recorded no members.
func (s *Storage) find(m *snap.Meta) error {
	if m.Index == 0 {
		return nil
	}
	r, err := s.snaps.Open(m.Index, m.Term)
	if err != nil {
		return fmt.Errorf("%w: %w; put it back, or remove the node and let it join again, with a new id",
			ErrNoSnapshot, err)
	}
	if m.ConfState == nil {
		m.ConfState = r.Meta().ConfState
	}
	s.purge(m.Index) // what a crash, or asynchronous saves, have left
	return r.Close()
}

// dropGhosts drops the entries that a snapshot which etcd has received has replaced. In etcd's log
// they stay, and only their terms tell: those up to the snapshot are others if the one at its index
// is, and those behind it are others if their terms are below its own.
func (s *Storage) dropGhosts(m snap.Meta) error {
	if last := s.w.LastIndex(); m.Index < s.w.FirstIndex() || m.Index > last {
		return nil
	}
	term, err := s.readTerm(m.Index)
	if err != nil || term == m.Term {
		return err
	}
	if s.w.LastIndex() > m.Index {
		if term, err = s.readTerm(m.Index + 1); err != nil {
			return err
		}
		if term < m.Term {
			if err := s.w.TruncateBack(m.Index); err != nil {
				return err
			}
		}
	}
	return s.w.Compact(m.Index)
}

// loadTerms finds the terms of the entries from first on, and that of the entry before, which raft
// asks for: it is the snapshot's, or the first entry serves as that one.
func (s *Storage) loadTerms(first uint64) error {
	switch {
	case first == 1:
		s.terms.reset(0, 0)
	case first == s.snap.Index+1:
		s.terms.reset(s.snap.Index, s.snap.Term)
	default:
		term, err := s.readTerm(first)
		if err != nil {
			return err
		}
		s.terms.reset(first, term)
	}
	return s.terms.find(s.last, s.readTerm)
}

// readTerm reads the term of an entry from the log.
func (s *Storage) readTerm(i uint64) (uint64, error) {
	var e storedEntry
	err := s.w.ReadEntry(i, &e)
	return e.entry.GetTerm(), err
}
