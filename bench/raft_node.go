package main

import (
	"encoding/binary"
	"io"
	stdlog "log"
	"sync"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// nodeStore is what a raft node keeps its state in.
type nodeStore interface {
	raft.Storage
	Save(rd raft.Ready) error
	Close() error
}

// mailbox is a queue of messages without a limit, so that no node waits for another one.
type mailbox struct {
	mu   sync.Mutex
	ms   []*raftpb.Message
	wake chan struct{} // holds one if there may be messages
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

func (b *mailbox) put(ms ...*raftpb.Message) {
	b.mu.Lock()
	b.ms = append(b.ms, ms...)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take returns all messages, and keeps to, emptied, for the next ones.
func (b *mailbox) take(to []*raftpb.Message) []*raftpb.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	ms := b.ms
	b.ms = to[:0]
	return ms
}

// raftNode is a node of a cluster in this process, driven by one goroutine.
type raftNode struct {
	*raft.RawNode
	store nodeStore
	box   *mailbox
	nodes map[uint64]*raftNode
	done  func(id uint64) // an entry with that id was applied; nil: nobody asks

	appends chan *raftpb.Message // to the goroutine that saves; nil: the node saves by itself
	stop    chan struct{}
	ended   chan error
}

// raftTick is how often a leader reminds the others of itself.
const raftTick = 100 * time.Millisecond

func newRaftNode(id uint64, s nodeStore, async bool) (*raftNode, error) {
	raw, err := raft.NewRawNode(&raft.Config{
		ID: id, ElectionTick: 100, HeartbeatTick: 1, Storage: s, Applied: 1,
		MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 256, AsyncStorageWrites: async,
		Logger: &raft.DefaultLogger{Logger: stdlog.New(io.Discard, "", 0)},
	})
	n := &raftNode{
		RawNode: raw, store: s, box: newMailbox(), stop: make(chan struct{}),
		ended: make(chan error, 2),
	}
	if async {
		n.appends = make(chan *raftpb.Message, 256)
	}
	return n, err
}

// run drives the node until stop is closed, or a save fails.
func (n *raftNode) run() error {
	tick := time.NewTicker(raftTick)
	defer tick.Stop()
	var ms []*raftpb.Message
	for {
		select {
		case <-n.stop:
			return nil
		case <-tick.C:
			n.Tick()
		case <-n.box.wake:
			ms = n.box.take(ms)
			for _, m := range ms {
				_ = n.Step(m) // an error says that raft ignores it
			}
			clear(ms) // the mailbox keeps the array
		}
		for n.HasReady() {
			if err := n.ready(n.Ready()); err != nil {
				return err
			}
		}
	}
}

// ready does what raft asks for.
func (n *raftNode) ready(rd raft.Ready) error {
	if n.appends == nil {
		if err := n.store.Save(rd); err != nil {
			return err
		}
		n.send(rd.Messages)
		n.apply(rd.CommittedEntries)
		n.Advance(rd)
		return nil
	}
	n.send(rd.Messages)
	return nil
}

// send gives messages to the nodes, and to the node's own goroutines.
func (n *raftNode) send(ms []*raftpb.Message) {
	for _, m := range ms {
		switch to := m.GetTo(); to {
		case raft.LocalAppendThread:
			n.appends <- m
		case raft.LocalApplyThread:
			n.apply(m.Entries)
			n.box.put(m.Responses...)
		default:
			n.nodes[to].box.put(m)
		}
	}
}

// apply tells those who wait for entries.
func (n *raftNode) apply(ents []*raftpb.Entry) {
	if n.done == nil {
		return
	}
	for _, e := range ents {
		if len(e.Data) >= 8 {
			n.done(binary.LittleEndian.Uint64(e.Data))
		}
	}
}
