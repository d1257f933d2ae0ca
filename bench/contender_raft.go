package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"

	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"
	etcdpb "go.etcd.io/etcd/server/v3/storage/wal/walpb"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/etcdraft"
)

func raftOfEtcd() contender {
	return contender{
		name: nameRaftEtcd,
		about: "etcd's raft as etcd's example has it: each Ready is saved in etcd's wal and appended " +
			"to a raft.MemoryStorage",
		module: "go.etcd.io/etcd/server/v3",
		open:   raftWith(newEtcdStore, false),
		replay: replayRaft(openEtcdStore),
	}
}

func raftOurs() contender {
	return contender{
		name: nameRaftOurs, about: "etcd's raft on etcdraft.Storage: each Ready is saved with Save",
		open:   raftWith(newOurStore, false),
		replay: replayRaft(openOurStore),
	}
}

func raftOursAsync() contender {
	return contender{
		name: nameRaftOursAsync, about: "the same with asynchronous storage writes, and Storage.Run",
		open:   raftWith(newOurStore, true),
		replay: replayRaft(openOurStore),
	}
}

// etcdStore is what etcd's example keeps the state of a node in.
type etcdStore struct {
	*raft.MemoryStorage
	w *etcdwal.WAL
}

func newEtcdStore(dir string, c config, members *raftpb.ConfState) (nodeStore, error) {
	etcdwal.SegmentSizeBytes = c.segment
	w, err := etcdwal.Create(zap.NewNop(), dir, nil)
	if err != nil {
		return nil, err
	}
	first := &raftpb.SnapshotMetadata{Index: new(uint64(1)), Term: new(uint64(1)), ConfState: members}
	s := &etcdStore{raft.NewMemoryStorage(), w}
	return s, errors.Join(s.ApplySnapshot(&raftpb.Snapshot{Metadata: first}),
		w.SaveSnapshot(&etcdpb.Snapshot{Index: first.Index, Term: first.Term, ConfState: members}))
}

// openEtcdStore opens what newEtcdStore has made, for reading.
func openEtcdStore(dir string) (nodeStore, error) {
	at := &etcdpb.Snapshot{Index: new(uint64(1)), Term: new(uint64(1))}
	w, err := etcdwal.OpenForRead(zap.NewNop(), dir, at)
	if err != nil {
		return nil, err
	}
	s := &etcdStore{raft.NewMemoryStorage(), w}
	_, _, ents, err := w.ReadAll()
	if err == nil {
		err = s.ApplySnapshot(&raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
			Index: at.Index, Term: at.Term,
		}})
	}
	return s, errors.Join(err, s.Append(ents))
}

// Save saves a Ready in the order of etcd's example.
func (s *etcdStore) Save(rd raft.Ready) error {
	if err := s.w.Save(rd.HardState, rd.Entries); err != nil {
		return err
	}
	return s.Append(rd.Entries)
}

func (s *etcdStore) Close() error { return s.w.Close() }

func newOurStore(dir string, c config, members *raftpb.ConfState) (nodeStore, error) {
	return etcdraft.Open(nil, dir, etcdraft.Options{
		Bootstrap: members, WAL: []wal.Option{wal.WithSegmentSize(c.segment)},
	})
}

func openOurStore(dir string) (nodeStore, error) {
	return etcdraft.Open(nil, dir, etcdraft.Options{})
}

// raftCluster is a cluster in this process. The first node leads it.
type raftCluster struct {
	nodes  map[uint64]*raftNode
	waits  []chan struct{} // of the writers, by their numbers; the first one is the cluster's own
	count  atomic.Uint64   // of writers
	failed chan error      // what has ended a node
}

// newNodeStore makes what a node keeps its state in.
type newNodeStore func(dir string, c config, members *raftpb.ConfState) (nodeStore, error)

// raftWith returns a function that opens a cluster.
func raftWith(open newNodeStore, async bool) func(dir string, c config) (*store, error) {
	return func(dir string, c config) (*store, error) { return openRaft(dir, c, open, async) }
}

// openRaft opens a cluster of as many nodes as the workload has, and waits until it has a leader.
func openRaft(dir string, c config, open newNodeStore, async bool) (*store, error) {
	cl := &raftCluster{
		nodes: map[uint64]*raftNode{}, waits: make([]chan struct{}, c.writers+1),
		failed: make(chan error, 1),
	}
	for i := range cl.waits {
		cl.waits[i] = make(chan struct{}, 1)
	}
	members := &raftpb.ConfState{}
	for id := range max(uint64(c.nodes), 1) {
		members.Voters = append(members.Voters, id+1)
	}
	for _, id := range members.Voters {
		s, err := open(filepath.Join(dir, fmt.Sprint(id)), c, members)
		if err != nil {
			return nil, err
		}
		n, err := newRaftNode(id, s, async)
		if err != nil {
			return nil, err
		}
		n.nodes, cl.nodes[id] = cl.nodes, n
	}
	cl.nodes[1].done = cl.done
	if err := cl.nodes[1].Campaign(); err != nil {
		return nil, err
	}
	for _, n := range cl.nodes {
		cl.start(n)
	}
	if err := cl.awaitLeader(); err != nil {
		return nil, err
	}
	payload := c.data()
	return &store{close: cl.close, writer: func() func() error {
		me := cl.count.Add(1)
		return func() error { return cl.save(me, payload, c.batch) }
	}}, nil
}

// done lets the writer go on whose entry was applied.
func (cl *raftCluster) done(id uint64) {
	if id < uint64(len(cl.waits)) {
		select {
		case cl.waits[id] <- struct{}{}:
		default: // the cluster's own, more than once
		}
	}
}

// start starts the goroutines of a node.
func (cl *raftCluster) start(n *raftNode) {
	go func() { n.ended <- cl.ends(n.run()) }()
	if n.appends == nil {
		n.ended <- nil
		return
	}
	go func() {
		n.ended <- cl.ends(n.store.(*etcdraft.Storage).Run(context.Background(), n.appends,
			func(ms []*raftpb.Message) {
				for _, m := range ms {
					cl.nodes[m.GetTo()].box.put(m)
				}
			}))
	}()
}

// ends has the writers fail with an error of a node.
func (cl *raftCluster) ends(err error) error {
	if err != nil {
		select {
		case cl.failed <- err:
		default:
		}
	}
	return err
}

// propose has the leader propose entries, the last of which has the number of whom it is for.
func (cl *raftCluster) propose(id uint64, data []byte, count int) {
	m := &raftpb.Message{Type: raftpb.MsgProp.Enum(), From: new(uint64(1))}
	for i := range count {
		one := append([]byte(nil), data...)
		binary.LittleEndian.PutUint64(one, math.MaxUint64)
		if i == count-1 {
			binary.LittleEndian.PutUint64(one, id)
		}
		m.Entries = append(m.Entries, &raftpb.Entry{Data: one})
	}
	cl.nodes[1].box.put(m)
}

// save has a writer propose entries, and waits until the leader has applied them.
func (cl *raftCluster) save(me uint64, data []byte, count int) error {
	cl.propose(me, data, count)
	select {
	case <-cl.waits[me]:
		return nil
	case err := <-cl.failed:
		return cl.ends(err)
	}
}

// awaitLeader waits until the cluster takes entries. Before that, raft drops them.
func (cl *raftCluster) awaitLeader() error {
	for range 100 {
		cl.propose(0, make([]byte, 8), 1)
		select {
		case <-cl.waits[0]:
			return nil
		case err := <-cl.failed:
			return cl.ends(err)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return errors.New("the raft cluster has no leader")
}

// close ends the cluster.
func (cl *raftCluster) close() (err error) {
	for _, n := range cl.nodes {
		close(n.stop)
	}
	for _, n := range cl.nodes {
		err = errors.Join(err, <-n.ended)
		if n.appends != nil {
			close(n.appends)
		}
		err = errors.Join(err, <-n.ended, n.store.Close())
	}
	return err
}

// replayRaft returns a function that counts what the first node of a cluster holds.
func replayRaft(open func(dir string) (nodeStore, error)) func(string, bool) (tally, error) {
	return func(dir string, _ bool) (t tally, err error) {
		s, err := open(filepath.Join(dir, "1"))
		if err != nil {
			return t, err
		}
		defer s.Close()
		first, _ := s.FirstIndex()
		last, _ := s.LastIndex()
		for first <= last {
			ents, err := s.Entries(first, last+1, 1<<20)
			if err != nil {
				return t, err
			}
			for _, e := range ents {
				if len(e.Data) > 8 { // not those that asked for a leader
					t.count(len(e.Data))
				}
			}
			first += uint64(len(ents))
		}
		return t, nil
	}
}
