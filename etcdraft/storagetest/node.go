package storagetest

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// node does with a store what a program with raft does, and the same with a raft.MemoryStorage,
// which knows what the store must say. Its methods do only what raft may ask for.
type node struct {
	e     *env
	dir   string
	store Store
	model *raft.MemoryStorage

	past   history
	hard   *raftpb.HardState // the one saved last, never nil
	synced uint64            // the commit index that was saved last with MustSync
	trace  []string
}

// start opens a new store.
func (e *env) start() *node {
	n := &node{e: e, dir: e.newDir(), model: raft.NewMemoryStorage(), hard: &raftpb.HardState{}}
	e.nodes = append(e.nodes, n)
	var err error
	n.store, err = e.open(n.dir)
	must(err, "the first open")
	_, cs, err := n.store.InitialState()
	must(err, "InitialState")
	must(n.model.ApplySnapshot(&raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
		ConfState: proto.CloneOf(cs),
	}}), "the model's members")
	return n
}

// note adds to what the store has done.
func (n *node) note(format string, args ...any) {
	n.trace = append(n.trace, fmt.Sprintf(format, args...))
}

// story says what the store has done last.
func (n *node) story() string {
	const most = 25
	from := max(0, len(n.trace)-most)
	return fmt.Sprintf("after %d steps, the last of which are:\n\t%s",
		len(n.trace), strings.Join(n.trace[from:], "\n\t"))
}

// first, last and newest return the model's first and last index, and the index of its snapshot.
func (n *node) first() uint64 { i, _ := n.model.FirstIndex(); return i }

func (n *node) last() uint64 { i, _ := n.model.LastIndex(); return i }

func (n *node) newest() uint64 {
	snap, _ := n.model.Snapshot()
	return snap.GetMetadata().GetIndex()
}

// ready returns a Ready as raft makes it.
func (n *node) ready(
	hs *raftpb.HardState, snap *raftpb.Snapshot, ents []*raftpb.Entry,
) (rd raft.Ready) {
	rd.MustSync = raft.MustSync(hs, n.hard, len(ents))
	if !sameState(hs, n.hard) {
		rd.HardState = hs
	}
	rd.Snapshot, rd.Entries = snap, ents
	return rd
}

// save saves a Ready.
func (n *node) save(hs *raftpb.HardState, snap *raftpb.Snapshot, ents []*raftpb.Entry) {
	rd := n.ready(proto.CloneOf(hs), proto.CloneOf(snap), ents)
	n.note("Save: hard state %v, snapshot %v, %s, MustSync %t",
		rd.HardState, rd.Snapshot.GetMetadata(), span(ents), rd.MustSync)
	must(n.store.Save(rd), "Save")
	n.saved(hs, snap, ents, rd.MustSync)
}

// saved takes in what was saved.
func (n *node) saved(
	hs *raftpb.HardState, snap *raftpb.Snapshot, ents []*raftpb.Entry, synced bool,
) {
	if snap != nil {
		must(n.model.ApplySnapshot(proto.CloneOf(snap)), "the model takes the snapshot")
	}
	must(n.model.SetHardState(proto.CloneOf(hs)), "the model takes the hard state")
	must(n.model.Append(copies(ents)), "the model takes the entries")
	n.past = n.past.with(snap, ents)
	n.hard = proto.CloneOf(hs)
	if synced || snap != nil {
		n.synced = max(hs.GetCommit(), n.synced)
	}
}

// span names entries.
func span(ents []*raftpb.Entry) string {
	if len(ents) == 0 {
		return "no entries"
	}
	return fmt.Sprintf("entries %d to %d of term %d", ents[0].GetIndex(),
		ents[len(ents)-1].GetIndex(), ents[0].GetTerm())
}

// hardState returns the hard state with another term or commit index.
func (n *node) hardState(term, commit uint64) *raftpb.HardState {
	hs := proto.CloneOf(n.hard)
	if term != hs.GetTerm() {
		hs.Vote = new(1 + term%3)
	}
	hs.Term, hs.Commit, hs.Vote = new(term), new(commit), new(hs.GetVote())
	return hs
}

// entries returns entries of a term, from index on.
func entries(index, term uint64, sizes ...int) (ents []*raftpb.Entry) {
	for i, size := range sizes {
		ents = append(ents, newEntry(index+uint64(i), term, size))
	}
	return ents
}

// append saves entries behind the last one, of the term that raft has come to.
func (n *node) append(sizes ...int) {
	term := max(n.hard.GetTerm(), 1)
	n.save(n.hardState(term, n.hard.GetCommit()), nil, entries(n.last()+1, term, sizes...))
}

// replace saves entries of a new term in place of those from index on, which is not committed.
func (n *node) replace(index uint64, sizes ...int) {
	term := n.hard.GetTerm() + 1
	n.save(n.hardState(term, n.hard.GetCommit()), nil, entries(index, term, sizes...))
}

// campaign has raft come to a new term.
func (n *node) campaign() {
	n.save(n.hardState(n.hard.GetTerm()+1, n.hard.GetCommit()), nil, nil)
}

// commit commits entries up to index, which raft does not ask to make durable.
func (n *node) commit(index uint64) { n.save(n.hardState(n.hard.GetTerm(), index), nil, nil) }

// received returns a snapshot of a leader of a new term, whose last entry has that term too. So it
// agrees with no entry here.
func (n *node) received(index uint64) (*raftpb.HardState, *raftpb.Snapshot) {
	term := n.hard.GetTerm() + 1
	return n.hardState(term, index), &raftpb.Snapshot{
		Data: snapshotData(index, term),
		Metadata: &raftpb.SnapshotMetadata{
			Index: new(index), Term: new(term), ConfState: members(index),
		},
	}
}

// receive saves a received snapshot, whose index is above the commit index, and entries behind it,
// as one Ready.
func (n *node) receive(index uint64, sizes ...int) {
	hs, snap := n.received(index)
	n.save(hs, snap, entries(index+1, hs.GetTerm(), sizes...))
}

// members returns the members of the cluster by an index.
func members(index uint64) *raftpb.ConfState {
	return &raftpb.ConfState{
		Voters: []uint64{1, 2, 3 + index}, Learners: []uint64{2 + 2*index + 1<<40},
		AutoLeave: new(false),
	}
}

// snapshotData returns the data of the snapshot at an index.
func snapshotData(index, term uint64) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "state after entry %d of term %d. ", index, term), 50)
}

// snapshot makes a snapshot at an index, which is committed.
func (n *node) snapshot(index uint64) { n.snapshotOf(index, members(index)) }

// snapshotOf makes a snapshot at an index, with the members cs.
func (n *node) snapshotOf(index uint64, cs *raftpb.ConfState) {
	n.note("CreateSnapshot at %d", index)
	data := snapshotData(index, n.past.term(index))
	must(n.store.CreateSnapshot(index, cs, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}), "CreateSnapshot(%d)", index)
	_, err := n.model.CreateSnapshot(index, cs, data)
	must(err, "the model makes a snapshot")
}

// compactUpTo drops the entries up to an index, unless the store has dropped them at an opening.
func (n *node) compactUpTo(index uint64) {
	if n.first() <= index {
		n.compact(index)
	}
}

// compact drops the entries up to an index, for which there is a snapshot.
func (n *node) compact(index uint64) {
	n.note("Compact up to %d", index)
	must(n.store.Compact(index), "Compact(%d)", index)
	must(n.model.Compact(index), "the model compacts")
}
