package simulate

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	stdlog "log"
	"slices"

	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/etcdraft"
	"github.com/seed449c39bc/wal/etcdraft/snap"
	"github.com/seed449c39bc/wal/internal/access"
)

// node is a member of the cluster, alive or dead.
type node struct {
	c         *cluster
	id        uint64
	bootstrap *raftpb.ConfState // nil: it joins
	disk      *disk
	rotten    bool // its disk has rotted since it was alive
	gone      bool // for ever

	// What it has while it is alive.
	s       *etcdraft.Storage
	raft    *raft.RawNode // nil: it is dead
	machine machine
	members *raftpb.ConfState
	wanted  bool   // a snapshot
	async   *async // nil: it saves synchronously

	term, vote uint64 // what it has promised, and may not forget
}

var quiet = &raft.DefaultLogger{Logger: stdlog.New(io.Discard, "", 0)}

// noTick is never, as a number of ticks.
const noTick = 1 << 30

// start starts the node with what its disk has. It may die at once.
func (n *node) start() {
	if n.c.rnd.IntN(10) == 0 {
		n.disk.dieAfter(n.c.rnd.IntN(20))
	}
	err := n.open()
	n.disk.dieAfter(-1)
	switch {
	case n.disk.isDead():
		n.crash()
	case err == nil:
		n.rotten = false // it is where it harms nothing, or was corrected
		n.agreesWithItself()
		n.c.watch.note("%d starts at %d", n.id, n.machine.applied)
	case n.rotten && (errors.Is(err, wal.ErrCorrupt) || errors.Is(err, snap.ErrCorrupt)):
		n.crash()
		n.gone = true
		n.c.report.Gone++
		n.c.watch.note("%d is gone", n.id)
	default:
		never("node %d does not start: %v", n.id, err)
	}
}

// open opens the Storage, and starts raft.
func (n *node) open() (err error) {
	n.s, err = etcdraft.Open(nil, "node", etcdraft.Options{
		Bootstrap: n.bootstrap, Tail: n.c.tail,
		WAL: []wal.Option{
			access.WithFS(n.disk).(wal.Option), wal.WithPreallocation(wal.PreallocateNone),
			wal.WithSegmentSize(n.c.segment),
		},
	})
	if err != nil {
		return err
	}
	hs, _, err := n.s.InitialState()
	if err != nil {
		return err
	}
	if t := hs.GetTerm(); t < n.term || t == n.term && n.vote != 0 && hs.GetVote() != n.vote {
		never("node %d voted for %d in term %d, and starts with %d in term %d", n.id, n.vote, n.term,
			hs.GetVote(), t)
	}
	n.term, n.vote = hs.GetTerm(), hs.GetVote()
	n.machine = machine{}
	if err := n.restore(); err != nil {
		return err
	}
	if n.async = nil; n.c.async {
		n.async = &async{}
		n.disk.setHold(true)
	}
	n.raft, err = raft.NewRawNode(&raft.Config{
		ID: n.id, ElectionTick: noTick, HeartbeatTick: 1, Storage: n.s, Applied: n.machine.applied,
		MaxSizePerMsg: 2000, MaxCommittedSizePerReady: 4000, MaxInflightMsgs: 4,
		AsyncStorageWrites: n.c.async, PreVote: n.c.preVote, StepDownOnRemoval: true,
		Logger: quiet,
	})
	return err
}

// agreesWithItself looks whether the Storage says the same of an entry whichever way it is asked,
// and whether the entries can be those of one log: terms only grow along it.
func (n *node) agreesWithItself() {
	first, _ := n.s.FirstIndex()
	last, _ := n.s.LastIndex()
	ents, err := n.s.Entries(first, last+1, 1<<40)
	if err != nil || len(ents) != int(last+1-first) {
		never("node %d has %d entries from %d to %d: %v", n.id, len(ents), first, last, err)
	}
	before, err := n.s.Term(first - 1)
	if err != nil {
		never("node %d does not know the term of entry %d: %v", n.id, first-1, err)
	}
	for i, e := range ents {
		index := first + uint64(i)
		term, err := n.s.Term(index)
		if err != nil || e.GetIndex() != index || e.GetTerm() != term || term < before {
			never("node %d: entry %d has the term %d, that of %d is %d, the one before has %d, %v",
				n.id, e.GetIndex(), e.GetTerm(), index, term, before, err)
		}
		before = term
	}
}

// restore gives the machine the state of the newest snapshot.
func (n *node) restore() error {
	s, err := n.s.Snapshot()
	if err != nil || raft.IsEmptySnap(s) {
		n.members = &raftpb.ConfState{}
		return err
	}
	at := s.GetMetadata()
	r, err := n.s.Snapshots().Open(at.GetIndex(), at.GetTerm())
	if err != nil {
		return err
	}
	defer r.Close()
	if err := n.machine.read(r, at.GetIndex()); err != nil {
		return err
	}
	n.members = at.ConfState
	n.c.watch.applied(n.id, n.machine)
	return nil
}

// crash ends the node.
func (n *node) crash() {
	n.disk.kill()
	if n.s != nil {
		n.s.Abandon()
	}
	n.s, n.raft, n.async = nil, nil, nil
	n.disk = n.disk.crashed(n.c.rnd)
	n.c.watch.note("%d dies", n.id)
}

// survives reports whether the node has survived a call on its Storage. If it was not killed, the
// call must not fail.
func (n *node) survives(err error) bool {
	n.disk.dieAfter(-1)
	if n.disk.isDead() {
		n.crash()
		return false
	}
	if err != nil {
		never("node %d: %v", n.id, err)
	}
	return true
}

// mayDie has the node die during the next calls, now and then.
func (n *node) mayDie(oneIn int) {
	if n.c.rnd.IntN(oneIn) == 0 && !n.c.healing {
		n.disk.dieAfter(n.c.rnd.IntN(6))
	}
}

// work does what raft asks for.
func (n *node) work() {
	if n.async != nil {
		n.workAsync()
		return
	}
	for n.raft != nil && n.raft.HasReady() {
		rd := n.raft.Ready()
		received := !raft.IsEmptySnap(rd.Snapshot)
		last, _ := n.s.LastIndex()
		inside := received && rd.Snapshot.GetMetadata().GetIndex() < last
		if n.mayDie(60); received {
			n.mayDie(3)
		}
		if n.c.wrong == SendBeforeSave {
			n.send(rd.Messages)
		}
		if n.c.wrong == ForgetVotes && len(rd.Entries) == 0 && !received {
			rd.HardState = nil
		}
		if !n.survives(n.s.Save(rd)) {
			return
		}
		n.promise(rd.HardState)
		if inside {
			n.c.report.Inside++
		}
		if received && n.c.rnd.IntN(3) == 0 && !n.c.healing { // what is left of the log that it had?
			n.crash()
			return
		}
		if len(rd.Entries) > 0 && rd.Entries[0].GetIndex() <= last {
			n.agreesWithItself()
		}
		if n.c.wrong != SendBeforeSave {
			n.send(rd.Messages)
		}
		if received && !n.survives(n.restore()) {
			return
		}
		n.apply(rd.CommittedEntries)
		n.raft.Advance(rd)
	}
}

// promise notes a hard state that is durable.
func (n *node) promise(hs *raftpb.HardState) {
	if hs != nil && !raft.IsEmptyHardState(hs) {
		n.term, n.vote = hs.GetTerm(), hs.GetVote()
	}
}

// apply applies committed entries.
func (n *node) apply(ents []*raftpb.Entry) {
	for _, e := range ents {
		if err := n.machine.apply(e); err != nil {
			never("node %d: %v", n.id, err)
		}
		n.c.watch.applied(n.id, n.machine)
		var cc raftpb.ConfChangeI
		switch e.GetType() {
		case raftpb.EntryConfChange:
			v1 := &raftpb.ConfChange{}
			if err := proto.Unmarshal(e.Data, v1); err != nil {
				never("node %d: %v", n.id, err)
			}
			cc = v1
		case raftpb.EntryConfChangeV2:
			v2 := &raftpb.ConfChangeV2{}
			if err := proto.Unmarshal(e.Data, v2); err != nil {
				never("node %d: %v", n.id, err)
			}
			cc = v2
		default:
			continue
		}
		n.members = n.raft.ApplyConfChange(cc)
		n.c.join(n.members)
		n.c.watch.note("%d has the members %v", n.id, n.members)
	}
}

// snapshot makes a snapshot of what is applied, and drops some entries.
func (n *node) snapshot() {
	newest, err := n.s.Snapshot()
	if err != nil {
		never("node %d: %v", n.id, err)
	}
	at := n.machine.applied
	if at <= newest.GetMetadata().GetIndex() {
		return
	}
	n.mayDie(8)
	err = n.s.CreateSnapshot(at, n.members, n.machine.write)
	if !n.survives(err) {
		return
	}
	n.c.watch.note("%d has a snapshot at %d", n.id, at)
	n.agreesWithItself()
	first, _ := n.s.FirstIndex()
	if to := at - min(at, uint64(n.c.rnd.IntN(12))); to >= first {
		n.mayDie(8)
		if n.survives(n.s.Compact(to)) {
			n.c.watch.note("%d drops the entries up to %d", n.id, to)
		}
	}
}

// send gives messages to the network, with the data of snapshots.
func (n *node) send(ms []*raftpb.Message) {
	for _, m := range ms {
		out := &letter{m: m}
		if m.GetType() == raftpb.MsgSnap {
			at := m.GetSnapshot().GetMetadata()
			if !has(at.GetConfState(), m.GetTo()) { // whom it is for would ignore it
				n.wanted = true
				n.raft.ReportSnapshot(m.GetTo(), raft.SnapshotFailure)
				continue
			}
			var data bytes.Buffer
			err := n.s.Snapshots().Send(&data, at.GetIndex(), at.GetTerm())
			if err != nil {
				if !errors.Is(err, fs.ErrNotExist) {
					never("node %d sends its snapshot: %v", n.id, err)
				}
				n.raft.ReportSnapshot(m.GetTo(), raft.SnapshotFailure)
				continue
			}
			out.data = data.Bytes()
		}
		n.c.post(out)
	}
}

// has reports whether a node is a member.
func has(cs *raftpb.ConfState, id uint64) bool {
	return slices.Contains(cs.GetVoters(), id) || slices.Contains(cs.GetLearners(), id) ||
		slices.Contains(cs.GetVotersOutgoing(), id)
}

// receive takes a message. A snapshot's data is stored before raft is told of it.
func (n *node) receive(l *letter) {
	if l.data != nil {
		n.finishApplies()
		n.mayDie(8)
		_, err := n.s.Snapshots().Put(bytes.NewReader(l.data))
		if !n.survives(err) {
			return
		}
	}
	_ = n.raft.Step(proto.Clone(l.m).(*raftpb.Message)) // an error says that raft ignores it
}
