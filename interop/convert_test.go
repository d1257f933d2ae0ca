package interop

import (
	etcdpb "go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// The tests are written with this project's types. etcd gets copies in which every scalar field is
// set, as Raft sets them, because a field that is not set is not encoded.

func toRaftEntry(e *walpb.Entry) *raftpb.Entry {
	return &raftpb.Entry{Type: raftpb.EntryType(e.Type).Enum(), Term: &e.Term, Index: &e.Index,
		Data: e.Data}
}

func fromRaftEntry(e *raftpb.Entry) *walpb.Entry {
	return &walpb.Entry{Type: walpb.EntryType(e.GetType()), Term: e.GetTerm(), Index: e.GetIndex(),
		Data: e.GetData()}
}

func toRaftState(st *walpb.HardState) *raftpb.HardState {
	if st == nil {
		return nil
	}
	return &raftpb.HardState{Term: &st.Term, Vote: &st.Vote, Commit: &st.Commit}
}

func fromRaftState(st *raftpb.HardState) *walpb.HardState {
	return &walpb.HardState{Term: st.GetTerm(), Vote: st.GetVote(), Commit: st.GetCommit()}
}

func toRaftConfState(c *walpb.ConfState) *raftpb.ConfState {
	if c == nil {
		return nil
	}
	return &raftpb.ConfState{
		Voters: c.Voters, Learners: c.Learners, VotersOutgoing: c.VotersOutgoing,
		LearnersNext: c.LearnersNext, AutoLeave: &c.AutoLeave,
	}
}

func fromRaftConfState(c *raftpb.ConfState) *walpb.ConfState {
	if c == nil {
		return nil
	}
	return &walpb.ConfState{
		Voters: c.GetVoters(), Learners: c.GetLearners(), VotersOutgoing: c.GetVotersOutgoing(),
		LearnersNext: c.GetLearnersNext(), AutoLeave: c.GetAutoLeave(),
	}
}

func toEtcdSnapshot(s *walpb.Snapshot) *etcdpb.Snapshot {
	return &etcdpb.Snapshot{Index: &s.Index, Term: &s.Term, ConfState: toRaftConfState(s.ConfState)}
}

func fromEtcdSnapshot(s *etcdpb.Snapshot) *walpb.Snapshot {
	return &walpb.Snapshot{Index: s.GetIndex(), Term: s.GetTerm(),
		ConfState: fromRaftConfState(s.GetConfState())}
}

// convert returns what f makes of each element, or nil if there is none.
func convert[From, To any](from []From, f func(From) To) []To {
	var to []To
	for _, v := range from {
		to = append(to, f(v))
	}
	return to
}

func toLogEntry(e *walpb.Entry) log.LogEntry         { return e }
func fromLogEntry(e log.LogEntry) *walpb.Entry       { return e.(*walpb.Entry) }
func fromLogSnapshot(s log.Snapshot) *walpb.Snapshot { return s.(*walpb.Snapshot) }
