package storagetest

import (
	"bytes"
	"io"
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// compare ends the check unless the store answers as the model, whatever raft may ask.
func (n *node) compare() {
	n.compareState()
	n.compareLog()
}

// compareLog compares all but InitialState, which raft asks for only once, before anything is
// saved.
func (n *node) compareLog() {
	n.compareIndexes()
	n.compareTerms()
	n.compareSnapshot()
	first, end := n.first(), n.last()+1
	middle := (first + end) / 2
	n.compareEntries(first, end, math.MaxUint64)
	n.compareEntries(first, middle, math.MaxUint64)
	n.compareEntries(middle, end, math.MaxUint64)
	n.compareEntries(first, end, 1000)
}

// compareState compares what InitialState returns.
func (n *node) compareState() {
	want, wantMembers, _ := n.model.InitialState()
	got, gotMembers, err := n.store.InitialState()
	must(err, "InitialState")
	if !sameState(want, got) {
		failf("InitialState returns the hard state %v, not %v", got, want)
	}
	sameMembers(wantMembers, gotMembers, "InitialState")
}

// sameState reports whether two hard states say the same.
func sameState(a, b *raftpb.HardState) bool {
	return a.GetTerm() == b.GetTerm() && a.GetVote() == b.GetVote() && a.GetCommit() == b.GetCommit()
}

// sameMembers ends the check unless the second ConfState is there, and says the same as the first.
func sameMembers(want, got *raftpb.ConfState, where string) {
	if got == nil {
		failf("%s returns no ConfState: it is nil", where)
	}
	if want.Equivalent(got) != nil {
		failf("%s returns the members %v, not %v", where, got, want)
	}
}

// compareIndexes compares the ends of the log.
func (n *node) compareIndexes() {
	first, err := n.store.FirstIndex()
	must(err, "FirstIndex")
	equal(n.first(), first, "FirstIndex")
	last, err := n.store.LastIndex()
	must(err, "LastIndex")
	equal(n.last(), last, "LastIndex")
}

// compareTerms compares the term of every entry, of the one before the first, and of those beyond.
func (n *node) compareTerms() {
	first, last := n.first(), n.last()
	for i := first - 1; i <= last; i++ {
		want, _ := n.model.Term(i)
		got, err := n.store.Term(i)
		must(err, "Term(%d) of [%d, %d]", i, first-1, last)
		equal(want, got, "Term(%d) of [%d, %d]", i, first-1, last)
	}
	if first > 1 {
		_, err := n.store.Term(first - 2)
		bare(raft.ErrCompacted, err, "Term(%d) below [%d, %d]", first-2, first-1, last)
	}
	_, err := n.store.Term(last + 1)
	bare(raft.ErrUnavailable, err, "Term(%d) above [%d, %d]", last+1, first-1, last)
}

// compareEntries compares some entries. Without any in the range it asks nothing, as raft does.
func (n *node) compareEntries(lo, hi, maxSize uint64) {
	if lo >= hi {
		return
	}
	want, err := n.model.Entries(lo, hi, maxSize)
	must(err, "the model's Entries(%d, %d)", lo, hi)
	got, err := n.store.Entries(lo, hi, maxSize)
	must(err, "Entries(%d, %d, %d)", lo, hi, maxSize)
	same(want, got, "Entries(%d, %d, %d)", lo, hi, maxSize)
}

// same ends the check unless the entries are equal.
func same(want, got []*raftpb.Entry, format string, args ...any) {
	for i := range min(len(want), len(got)) {
		if !proto.Equal(want[i], got[i]) {
			failf(format+": entry %d of the result is %s, not %s",
				append(args, i, short(got[i]), short(want[i]))...)
		}
	}
	if len(want) != len(got) {
		failf(format+" has %d entries, not %d", append(args, len(got), len(want))...)
	}
}

// compareSnapshot compares the newest snapshot.
func (n *node) compareSnapshot() {
	want, _ := n.model.Snapshot()
	got := n.newestSnapshot()
	w, g := want.GetMetadata(), got.GetMetadata()
	equal(w.GetIndex(), g.GetIndex(), "the index of Snapshot")
	equal(w.GetTerm(), g.GetTerm(), "the term of Snapshot %d", w.GetIndex())
	if w.GetIndex() == 0 {
		return
	}
	sameMembers(w.GetConfState(), g.GetConfState(), "Snapshot")
	data := got.GetData()
	if opener, ok := n.store.(SnapshotOpener); ok {
		r, err := opener.OpenSnapshot(w.GetIndex(), w.GetTerm())
		must(err, "OpenSnapshot(%d, %d)", w.GetIndex(), w.GetTerm())
		data, err = io.ReadAll(r)
		must(err, "reading the snapshot at %d", w.GetIndex())
		must(r.Close(), "closing the snapshot at %d", w.GetIndex())
	}
	if !bytes.Equal(data, want.GetData()) {
		failf("the snapshot at %d has %d bytes %.40q, not %d bytes %.40q", w.GetIndex(), len(data),
			data, len(want.GetData()), want.GetData())
	}
}

// patience is how long a snapshot may be temporarily unavailable.
const patience = 10 * time.Second

// newestSnapshot returns what Snapshot returns once it has it ready.
func (n *node) newestSnapshot() *raftpb.Snapshot {
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		snap, err := n.store.Snapshot()
		if err == raft.ErrSnapshotTemporarilyUnavailable && time.Since(begin) < patience {
			continue
		}
		must(err, "Snapshot")
		if snap == nil {
			failf("Snapshot returns nil")
		}
		return snap
	}
}
