package etcdraft

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/etcdraft/snap"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// ErrNoSnapshot is the error where the data of a snapshot is missing: that of a snapshot which raft
// has received is to be put into Snapshots before raft is told of it, and that of the newest one
// must be there when the node starts.
var ErrNoSnapshot = errors.New("etcdraft: the snapshot's data is not there")

// Save saves what a Ready asks for, as one: its hard state, its entries and the snapshot that was
// received. When it returns nil, the messages of the Ready may be sent. After a crash either all of
// it is there, or nothing. If rd.MustSync is false, it need not be durable, only in order.
//
// A received snapshot replaces the whole log. Its data must be there before, put into Snapshots by
// whoever received it, or in rd.Snapshot; otherwise the error is ErrNoSnapshot. If there is one
// that is as new, the error is raft.ErrSnapOutOfDate. In both cases nothing is saved.
//
// Nor is anything saved if the error is a wal.ErrShortage: the disk is full, and the same Ready may
// be saved again. After any other error the node must stop: what was saved is known when it is
// opened again.
func (s *Storage) Save(rd raft.Ready) error {
	_, err := s.save(&request{
		hard: stateOf(rd.HardState), ents: rd.Entries, received: rd.Snapshot, sync: rd.MustSync,
	})
	return err
}

// Append saves what a MsgStorageAppend asks for, and returns before it is durable. The message's
// responses may be delivered once the Pending is done without an error. Entries can be read at
// once. A message that asks for nothing durable is done once what came before it is.
func (s *Storage) Append(m *raftpb.Message) (*wal.Pending, error) {
	if m.GetType() != raftpb.MsgStorageAppend {
		return nil, fmt.Errorf("etcdraft: %w: a %v is no MsgStorageAppend",
			wal.ErrInvalidArgument, m.GetType())
	}
	r := &request{hard: stateOf(m), ents: m.Entries, received: m.Snapshot, async: true}
	s.mu.RLock()
	r.sync = len(r.ents) > 0 ||
		!r.hard.IsEmpty() && (r.hard.Term != s.hard.Term || r.hard.Vote != s.hard.Vote)
	s.mu.RUnlock()
	return s.save(r)
}

// request is what raft asks to be saved.
type request struct {
	hard     walpb.HardState // empty: as it was
	ents     []*raftpb.Entry
	received *raftpb.Snapshot // nil or empty: none
	sync     bool             // whether it must be durable
	async    bool             // whether that is waited for elsewhere
}

// save writes one save. If it is not to wait, it returns the Pending.
func (s *Storage) save(r *request) (*wal.Pending, error) {
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.RLock()
	hard, last, dummy := s.hard, s.last, s.terms.dummy().first
	s.mu.RUnlock()
	var st log.HardState
	if !r.hard.IsEmpty() {
		hard = r.hard
		st = &savedState{hard, r.sync}
	}
	if !raft.IsEmptySnap(r.received) {
		return s.restore(r, hard)
	}
	if len(r.ents) > 0 {
		if err := check(r.ents, s.termBefore(r.ents[0].GetIndex())); err != nil {
			return nil, err
		}
	}
	for len(r.ents) > 0 && r.ents[0].GetIndex() <= dummy { // they are compacted: raft.MemoryStorage
		r.ents = r.ents[1:] // passes over them too
	}
	if len(r.ents) > 0 && r.ents[0].GetIndex() <= last {
		s.replacing.Lock()
		defer s.replacing.Unlock()
	}
	p, err := s.write(r, st, s.recordsOf(r.ents))
	if err != nil {
		return nil, fmt.Errorf("etcdraft: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(p, hard, r.ents)
	return p, nil
}

// check returns an error for entries that raft never has, behind one of a term. Terms only grow
// along a log, and Open relies on that.
func check(ents []*raftpb.Entry, term uint64) error {
	for i, e := range ents {
		want := ents[0].GetIndex() + uint64(i)
		if e.GetIndex() != want || want == 0 || e.GetTerm() < term {
			return fmt.Errorf("etcdraft: %w: entry %d of term %d, behind one of term %d, where %d is to be",
				wal.ErrInvalidArgument, e.GetIndex(), e.GetTerm(), term, want)
		}
		term = e.GetTerm()
	}
	return nil
}

// termBefore returns the term of the entry before i; 0 if there is none.
func (s *Storage) termBefore(i uint64) uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i <= s.terms.dummy().first || i > s.last+1 {
		return 0
	}
	return s.terms.of(i - 1)
}

// write has the log save a state and entries, at once or later.
func (s *Storage) write(
	r *request, st log.HardState, records []log.LogEntry,
) (*wal.Pending, error) {
	if r.async {
		return s.w.Append(st, records)
	}
	return nil, s.w.Save(st, records)
}

// recordsOf returns entries as the log saves them. saving is held.
func (s *Storage) recordsOf(ents []*raftpb.Entry) []log.LogEntry {
	s.saved, s.records = slices.Grow(s.saved[:0], len(ents))[:len(ents)], s.records[:0]
	for i, e := range ents {
		s.saved[i].e = e
		s.records = append(s.records, &s.saved[i])
	}
	return s.records
}

// keep takes in what was saved. saving and mu are held.
func (s *Storage) keep(p *wal.Pending, hard walpb.HardState, ents []*raftpb.Entry) {
	clear(s.saved)
	s.hard = hard
	if len(ents) == 0 {
		return
	}
	first := ents[0].GetIndex()
	s.flight = s.flight.with(p, first)
	for _, e := range ents {
		s.terms.add(e.GetIndex(), e.GetTerm())
	}
	s.last = ents[len(ents)-1].GetIndex()
	s.tail.add(ents)
}

// with returns the flight after another save with entries from first on, which p waits for. Saves
// are done in order, so one that is done ends all before it.
func (f flight) with(p *wal.Pending, first uint64) flight {
	if f.pending == nil {
		return flight{p, first}
	}
	select {
	case <-f.pending.Done():
		return flight{p, first}
	default:
		return flight{p, min(f.low, first)}
	}
}

// restore saves a received snapshot, and what came with it, in place of the whole log. The data is
// durable before the log says that it is the node's state: a crash in between leaves a file that
// nobody needs. The commit index is raised with the snapshot, in the same save: raft does not start
// with a snapshot that is not committed. saving is held.
func (s *Storage) restore(r *request, hard walpb.HardState) (p *wal.Pending, err error) {
	md := r.received.GetMetadata()
	m := snap.Meta{Index: md.GetIndex(), Term: md.GetTerm(), ConfState: clone(md.GetConfState())}
	if s.newest() >= m.Index {
		return nil, raft.ErrSnapOutOfDate
	}
	if err := check(r.ents, m.Term); err != nil {
		return nil, err
	}
	if err := s.receive(m, r.received.GetData()); err != nil {
		return nil, err
	}
	hard.Commit, hard.Term = max(hard.Commit, m.Index), max(hard.Term, m.Term)
	rec, st, records := toRecord(m), &savedState{hard, true}, s.recordsOf(r.ents)
	s.replacing.Lock()
	defer s.replacing.Unlock()
	if r.async {
		p, err = s.w.AppendRestore(rec, st, records)
	} else {
		err = s.w.Restore(rec, st, records)
	}
	if err != nil {
		return nil, fmt.Errorf("etcdraft: %w", err)
	}
	if !r.async { // otherwise the one before may still be needed: Open and CreateSnapshot delete it
		s.purge(m.Index)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin(m)
	s.keep(p, hard, r.ents)
	return p, nil
}

// newest returns the index of the newest snapshot that the log was given.
func (s *Storage) newest() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.given
}

// begin makes the Storage an empty one behind a snapshot. mu is held.
func (s *Storage) begin(m snap.Meta) {
	s.snap, s.given, s.last = m, m.Index, m.Index
	s.terms.reset(m.Index, m.Term)
	s.tail.reset(m.Index + 1)
}

// receive sees to it that the data of a received snapshot is there.
func (s *Storage) receive(m snap.Meta, data []byte) error {
	if len(data) > 0 {
		return s.snaps.Create(m, func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		})
	}
	if err := s.snaps.Has(m.Index, m.Term); err != nil {
		return fmt.Errorf("%w: index %d, term %d: Put it into Snapshots before raft is told of it: %w",
			ErrNoSnapshot, m.Index, m.Term, err)
	}
	return nil
}
