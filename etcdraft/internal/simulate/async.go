package simulate

import (
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal"
)

// async are the threads of a node with asynchronous storage writes.
type async struct {
	appends []*raftpb.Message // not begun yet
	flights []flight          // begun, in order
	applies []*raftpb.Message
}

// flight is an append that is on its way.
type flight struct {
	m *raftpb.Message
	p *wal.Pending
}

// workAsync hands out the messages of raft, and has the threads do some of their work.
func (n *node) workAsync() {
	for n.raft.HasReady() {
		rd := n.raft.Ready()
		for _, m := range rd.Messages {
			switch m.GetTo() {
			case raft.LocalAppendThread:
				n.async.appends = append(n.async.appends, m)
			case raft.LocalApplyThread:
				n.async.applies = append(n.async.applies, m)
			default:
				n.send([]*raftpb.Message{m})
			}
		}
	}
	some := n.c.rnd.IntN(10)
	if n.c.healing {
		some = 30 // so that all is done at some time
	}
	for ; n.raft != nil && some > 0; some-- {
		n.oneAsync()
	}
}

// oneAsync has one of the threads do one thing.
func (n *node) oneAsync() {
	switch a := n.async; n.c.rnd.IntN(4) {
	case 0:
		n.begin()
	case 1, 2:
		n.passOne()
	default:
		if len(a.applies) > 0 {
			n.applyOne()
		}
	}
}

// applyOne applies the entries of the next message.
func (n *node) applyOne() {
	m := n.async.applies[0]
	n.async.applies = n.async.applies[1:]
	n.apply(m.Entries)
	n.deliver(m.Responses)
}

// finishApplies applies all that is to be applied. Raft takes the members of a snapshot over as
// soon as it receives it, so no change of the members that came before may be applied after that.
func (n *node) finishApplies() {
	for n.async != nil && len(n.async.applies) > 0 {
		n.applyOne()
	}
}

// begin begins the next append. A snapshot's is waited for: raft has nothing to do meanwhile.
func (n *node) begin() {
	a := n.async
	if len(a.appends) == 0 || len(a.flights) == 8 {
		return
	}
	m := a.appends[0]
	if !raft.IsEmptySnap(m.Snapshot) && !n.drain() {
		return
	}
	a.appends = a.appends[1:]
	p, err := n.s.Append(m)
	if err != nil {
		never("node %d: %v", n.id, err)
	}
	a.flights = append(a.flights, flight{m, p})
	n.disk.settle(n.landed)
	if n.c.wrong == DeliverBeforeDurable {
		n.land(m)
		a.flights = nil
	}
}

// landed reports whether nothing is on its way.
func (n *node) landed() bool {
	for _, f := range n.async.flights {
		select {
		case <-f.p.Done():
		default:
			return false
		}
	}
	return true
}

// passOne lets one write or sync of the log happen, or has the node die at it.
func (n *node) passOne() {
	if n.c.rnd.IntN(80) == 0 && !n.c.healing {
		n.crash()
		return
	}
	n.disk.pass()
	n.disk.settle(n.landed)
	n.deliverLanded()
}

// deliverLanded delivers the responses of what is durable.
func (n *node) deliverLanded() {
	for n.raft != nil && len(n.async.flights) > 0 {
		f := n.async.flights[0]
		select {
		case <-f.p.Done():
		default:
			return
		}
		if err := f.p.Err(); err != nil {
			never("node %d: %v", n.id, err)
		}
		n.async.flights = n.async.flights[1:]
		n.land(f.m)
	}
}

// land does what follows from an append that is durable.
func (n *node) land(m *raftpb.Message) {
	if m.GetTerm() != 0 {
		n.promise(&raftpb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit})
	}
	if !raft.IsEmptySnap(m.Snapshot) {
		if err := n.restore(); err != nil {
			never("node %d: %v", n.id, err)
		}
	}
	n.deliver(m.Responses)
}

// deliver gives responses to whom they are for.
func (n *node) deliver(ms []*raftpb.Message) {
	for _, m := range ms {
		if m.GetTo() == n.id {
			_ = n.raft.Step(m)
			continue
		}
		n.send([]*raftpb.Message{m})
	}
}

// drain waits for all that is on its way, and reports whether the node is alive.
func (n *node) drain() bool {
	for n.raft != nil && len(n.async.flights) > 0 {
		n.passOne()
	}
	return n.raft != nil
}

// alone does something with the Storage while nothing is on its way, and nothing held.
func (n *node) alone(do func()) {
	if n.async == nil {
		do()
		return
	}
	if !n.drain() {
		return
	}
	n.disk.setHold(false)
	if do(); n.raft != nil {
		n.disk.setHold(true)
	}
}
