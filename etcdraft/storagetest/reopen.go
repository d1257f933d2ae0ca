package storagetest

import (
	"fmt"
	"io"
	"log"
	"runtime/debug"

	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// crash opens what a process leaves that is killed now.
func (n *node) crash() {
	n.note("crash")
	n.persistent()
	im := take(n.dir)
	n.abandon()
	n.dir = n.e.newDir()
	im.put(n.dir)
	n.resume()
}

// reopen closes the store and opens it again.
func (n *node) reopen() {
	n.note("Close, and open")
	n.persistent()
	s := n.store
	n.store = nil
	must(s.Close(), "Close")
	n.resume()
}

// persistent ends the check if the store would hold nothing.
func (n *node) persistent() {
	if _, ok := n.store.(Volatile); ok {
		skip("the store holds nothing after it was closed")
	}
}

// abandon closes the store, so that it holds no files any more. How that ends is of no interest.
func (n *node) abandon() {
	if n.store == nil {
		return
	}
	defer func() { _ = recover() }()
	s := n.store
	n.store = nil
	_ = s.Close()
}

// resume opens the store, which must then be what it was.
func (n *node) resume() {
	var err error
	n.store, err = n.e.open(n.dir)
	must(err, "open")
	n.accept()
}

// accept ends the check unless all is there that was saved, in a store that was opened. The store
// may have lost commit indexes that it need not sync, and the entries before the snapshot, which
// the model then loses too.
func (n *node) accept() {
	first, err := n.store.FirstIndex()
	must(err, "FirstIndex")
	snap, _ := n.model.Snapshot()
	newest := snap.GetMetadata().GetIndex()
	if first <= n.past.base || first > newest+1 {
		failf("FirstIndex is %d after opening: the log begins behind %d, and the snapshot is at %d",
			first, n.past.base, newest)
	}
	hs, _, err := n.store.InitialState()
	must(err, "InitialState")
	n.permits(hs, newest)
	n.hard = n.hardState(n.hard.GetTerm(), hs.GetCommit())
	n.rebuild(first, snap)
	n.compare()
	n.boot()
}

// permits ends the check unless the hard state is one that may be there after a crash. raft refuses
// to start with a commit index that is beyond the log, or below what the program says is applied,
// which is the snapshot.
func (n *node) permits(hs *raftpb.HardState, snapshot uint64) {
	equal(n.hard.GetTerm(), hs.GetTerm(), "the term after opening")
	equal(n.hard.GetVote(), hs.GetVote(), "the vote after opening")
	least, most := max(n.synced, snapshot), max(n.hard.GetCommit(), snapshot)
	if commit := hs.GetCommit(); commit < least || commit > most {
		failf("the commit index after opening is %d: it was %d, of which %d was synced, and the "+
			"snapshot is at %d", commit, n.hard.GetCommit(), n.synced, snapshot)
	}
}

// rebuild makes the model what the store is that was opened: from entry first on, with its
// snapshot.
func (n *node) rebuild(first uint64, snap *raftpb.Snapshot) {
	n.model = raft.NewMemoryStorage()
	behind := snap.GetMetadata().GetIndex() > first-1
	begin := proto.CloneOf(snap)
	if behind {
		begin = &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
			Index: new(first - 1), Term: new(n.past.term(first - 1)),
		}}
	}
	must(n.model.ApplySnapshot(begin), "the model's first entry")
	must(n.model.Append(copies(n.past.from(first))), "the model's entries")
	must(n.model.SetHardState(proto.CloneOf(n.hard)), "the model's hard state")
	if behind {
		_, err := n.model.CreateSnapshot(snap.GetMetadata().GetIndex(),
			snap.GetMetadata().GetConfState(), snap.GetData())
		must(err, "the model's snapshot")
	}
}

// silent is a logger for raft: it says nothing, and panics where raft's own does.
var silent = &raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)}

// boot has raft start with the store, and take the committed entries out of it.
func (n *node) boot() {
	rn, err := raft.NewRawNode(&raft.Config{
		ID: 1, ElectionTick: 10, HeartbeatTick: 1, Storage: n.store, Applied: n.newest(),
		MaxSizePerMsg: 1000, MaxInflightMsgs: 10, MaxUncommittedEntriesSize: 1 << 20, Logger: silent,
	})
	must(err, "raft does not start")
	if hs := rn.BasicStatus().HardState; !sameState(n.hard, hs) {
		failf("raft starts with the hard state %v, not %v", hs, n.hard)
	}
	for applied := n.newest(); applied < n.hard.GetCommit(); {
		if !rn.HasReady() {
			failf("raft has nothing to apply behind entry %d of %d", applied, n.hard.GetCommit())
		}
		rd := rn.Ready()
		for _, ent := range rd.CommittedEntries {
			applied++
			if want := n.past.from(applied)[0]; !proto.Equal(want, ent) {
				failf("raft applies %s, not %s", short(ent), short(want))
			}
		}
		rn.Advance(rd)
	}
}

// attempt returns what f fails with, as an error.
func attempt(f func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			err = r.err
		default:
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	f()
	return nil
}
