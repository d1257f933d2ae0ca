package etcdraft

import (
	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal/etcdraft/snap"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// savedState is what a hard state is saved as. It says itself whether it has to be durable, as raft
// has said it.
type savedState struct {
	walpb.HardState
	sync bool
}

// AppendBinary implements encoding.BinaryAppender.
func (s *savedState) AppendBinary(b []byte) ([]byte, error) { return s.HardState.AppendBinary(b) }

// IsEmpty implements log.EmptyState.
func (s *savedState) IsEmpty() bool { return s.HardState.IsEmpty() }

// MustSync implements log.SyncState.
func (s *savedState) MustSync(log.HardState) bool { return s.sync }

// stateOf returns the hard state that a Ready or a message of raft has, as the log has it; an empty
// one if there is none.
func stateOf(of interface {
	GetTerm() uint64
	GetVote() uint64
	GetCommit() uint64
}) walpb.HardState {
	return walpb.HardState{Term: of.GetTerm(), Vote: of.GetVote(), Commit: of.GetCommit()}
}

// hardState returns a hard state as raft has it; nil for an empty one.
func hardState(s walpb.HardState) *raftpb.HardState {
	if s.IsEmpty() {
		return nil
	}
	return &raftpb.HardState{Term: &s.Term, Vote: &s.Vote, Commit: &s.Commit}
}

// toRecord returns a snapshot as the log records it.
func toRecord(m snap.Meta) *walpb.Snapshot {
	rec := &walpb.Snapshot{Index: m.Index, Term: m.Term}
	if cs := m.ConfState; cs != nil {
		rec.ConfState = &walpb.ConfState{
			Voters: cs.GetVoters(), Learners: cs.GetLearners(), VotersOutgoing: cs.GetVotersOutgoing(),
			LearnersNext: cs.GetLearnersNext(), AutoLeave: cs.GetAutoLeave(),
		}
	}
	return rec
}

// fromRecord returns what a record says of a snapshot.
func fromRecord(rec *walpb.Snapshot) snap.Meta {
	m := snap.Meta{Index: rec.Index, Term: rec.Term}
	if cs := rec.ConfState; cs != nil {
		m.ConfState = &raftpb.ConfState{
			Voters: cs.Voters, Learners: cs.Learners, VotersOutgoing: cs.VotersOutgoing,
			LearnersNext: cs.LearnersNext, AutoLeave: &cs.AutoLeave,
		}
	}
	return m
}

// clone returns a copy of the members; nil of nil.
func clone(cs *raftpb.ConfState) *raftpb.ConfState {
	if cs == nil {
		return nil
	}
	return proto.Clone(cs).(*raftpb.ConfState)
}
