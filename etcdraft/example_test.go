package etcdraft_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/seed449c39bc/wal/etcdraft"
)

// machine is a state machine: the words that were proposed.
type machine struct{ words bytes.Buffer }

// restore replaces the state by that of the newest snapshot.
func (m *machine) restore(s *etcdraft.Storage) error {
	newest, err := s.Snapshot()
	if err != nil || raft.IsEmptySnap(newest) {
		return err
	}
	r, err := s.Snapshots().Open(newest.Metadata.GetIndex(), newest.Metadata.GetTerm())
	if err != nil {
		return err
	}
	defer r.Close()
	m.words.Reset()
	_, err = io.Copy(&m.words, r)
	return err
}

// node is a whole node of raft: it is driven by ready.
type node struct {
	*raft.RawNode
	storage *etcdraft.Storage
	machine machine
	members *raftpb.ConfState
	send    func([]*raftpb.Message)
}

// start starts a node, a new one or one that was stopped or killed.
func start(id uint64, dir string) (*node, error) {
	n := &node{send: func([]*raftpb.Message) {}} // it is alone
	var err error
	n.storage, err = etcdraft.Open(nil, dir, etcdraft.Options{
		Bootstrap: &raftpb.ConfState{Voters: []uint64{id}},
	})
	if err != nil {
		return nil, err
	}
	if err := n.machine.restore(n.storage); err != nil {
		return nil, err
	}
	newest, err := n.storage.Snapshot()
	if err != nil {
		return nil, err
	}
	n.members = newest.Metadata.ConfState
	n.RawNode, err = raft.NewRawNode(&raft.Config{
		ID: id, ElectionTick: 10, HeartbeatTick: 1, Storage: n.storage,
		Applied: newest.Metadata.GetIndex(), MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 256,
		Logger: quiet,
	})
	return n, err
}

// ready does what raft asks for: it saves, then sends, then applies.
func (n *node) ready() error {
	for n.HasReady() {
		rd := n.Ready()
		if err := n.storage.Save(rd); err != nil {
			return err // the node must stop, and may start again
		}
		n.send(rd.Messages)
		if !raft.IsEmptySnap(rd.Snapshot) {
			if err := n.machine.restore(n.storage); err != nil {
				return err
			}
			n.members = rd.Snapshot.Metadata.ConfState
		}
		for _, e := range rd.CommittedEntries {
			if err := n.apply(e); err != nil {
				return err
			}
		}
		n.Advance(rd)
	}
	return nil
}

// apply applies a committed entry.
func (n *node) apply(e *raftpb.Entry) error {
	switch e.GetType() {
	case raftpb.EntryNormal:
		n.machine.words.Write(e.Data)
	case raftpb.EntryConfChangeV2:
		var cc raftpb.ConfChangeV2
		if err := proto.Unmarshal(e.Data, &cc); err != nil {
			return err
		}
		n.members = n.ApplyConfChange(&cc)
	}
	return nil
}

// snapshot writes the state machine's state, and drops the entries but for the last thousand.
func (n *node) snapshot(applied uint64) error {
	err := n.storage.CreateSnapshot(applied, n.members, func(w io.Writer) error {
		_, err := w.Write(n.machine.words.Bytes())
		return err
	})
	if err != nil || applied <= 1000 {
		return err
	}
	if err := n.storage.Compact(applied - 1000); err != raft.ErrCompacted {
		return err
	}
	return nil
}

// A whole node, that is alone in its cluster: it saves what is proposed, makes a snapshot, is
// stopped, and starts again with all that it had.
func Example() {
	dir, err := os.MkdirTemp("", "node-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	n, err := start(1, filepath.Join(dir, "raft"))
	if err != nil {
		panic(err)
	}
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	must(n.Campaign())
	must(n.ready())
	for _, word := range []string{"nothing ", "acknowledged ", "is "} {
		must(n.Propose([]byte(word)))
		must(n.ready())
	}
	must(n.snapshot(n.BasicStatus().Applied))
	must(n.Propose([]byte("lost")))
	must(n.ready())
	must(n.storage.Close())

	n, err = start(1, filepath.Join(dir, "raft"))
	must(err)
	must(n.Campaign())
	must(n.ready())
	fmt.Println(n.machine.words.String())
	must(n.storage.Close())
	// Output: nothing acknowledged is lost
}

// route gives the messages of raft with asynchronous storage writes to whom they are for, until ctx
// is done. A program sends those to other nodes too.
func route(
	ctx context.Context, n raft.Node, appends chan<- *raftpb.Message, apply chan<- *raftpb.Message,
) {
	for {
		select {
		case <-ctx.Done():
			return
		case rd := <-n.Ready():
			for _, m := range rd.Messages {
				switch m.GetTo() {
				case raft.LocalAppendThread:
					appends <- m
				case raft.LocalApplyThread:
					apply <- m
				}
			}
		}
	}
}

// With asynchronous storage writes, Run saves while raft goes on: several saves share a sync.
func ExampleStorage_Run() {
	dir, err := os.MkdirTemp("", "node-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	s, err := etcdraft.Open(nil, filepath.Join(dir, "raft"), etcdraft.Options{
		Bootstrap: &raftpb.ConfState{Voters: []uint64{1}},
	})
	if err != nil {
		panic(err)
	}
	n := raft.RestartNode(&raft.Config{
		ID: 1, ElectionTick: 10, HeartbeatTick: 1, Storage: s, AsyncStorageWrites: true,
		MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 256, Logger: quiet, Applied: 1,
	})
	ctx, stop := context.WithCancel(context.Background())
	deliver := func(ms []*raftpb.Message) { // a program sends those that are for other nodes
		for _, m := range ms {
			_ = n.Step(ctx, m)
		}
	}
	appends, apply := make(chan *raftpb.Message, 64), make(chan *raftpb.Message, 64)
	saved := make(chan error)
	go func() { saved <- s.Run(ctx, appends, deliver) }()
	go route(ctx, n, appends, apply)

	_ = n.Campaign(ctx)
	if err := n.Propose(ctx, []byte("durable before it is applied")); err != nil {
		panic(err)
	}
	for applied := false; !applied; {
		m := <-apply
		for _, e := range m.Entries {
			if applied = len(e.Data) > 0; applied {
				fmt.Println(string(e.Data))
			}
		}
		deliver(m.Responses)
	}
	stop()
	n.Stop()
	fmt.Println(<-saved)
	if err := s.Close(); err != nil {
		panic(err)
	}
	// Output:
	// durable before it is applied
	// context canceled
}
