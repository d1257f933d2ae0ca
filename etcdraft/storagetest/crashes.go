package storagetest

import (
	"errors"

	"go.etcd.io/raft/v3/raftpb"
)

var crashChecks = []Check{
	{
		Name: "Crash/ATornSaveLosesNothingElse",
		Says: "Write HardState, Entries, and Snapshot to persistent storage if they are not empty.",
		run:  func(e *env) { tear(e, false) },
	},
	{
		Name: "Crash/ATornSaveIsWholeOrGone",
		run:  func(e *env) { tear(e, true) },
	},
}

// tear saves, and has each save torn at each sector. What was saved before must be there then. Of
// the torn save there may be nothing or all, and, unless it has to be whole, the entries up to any
// one, with the old hard state: raft has sent nothing that says more.
func tear(e *env, whole bool) {
	n := e.start()
	n.persistent()
	n.append(10, 10)
	images := 0
	for i := range 40 { // enough for each part of a save to lie across the edge of a sector
		term, index := n.hard.GetTerm()+1, n.last()+1
		if i%3 == 2 {
			index -= 2 // two entries are replaced
		}
		ents := entries(index, term, 150+i*211%500, 10*i, 200)
		images += n.tearOne(n.hardState(term, index-1), ents, whole)
	}
	if images == 0 {
		skip("each save changes several files, and in which order is the store's affair")
	}
}

// tearOne saves hs and ents, and opens what each torn form of that leaves. It returns how many
// there are.
func (n *node) tearOne(hs *raftpb.HardState, ents []*raftpb.Entry, whole bool) int {
	old, before := *n, take(n.dir)
	n.save(hs, nil, ents)
	states := []*node{old.torn(n.hard, ents), old.torn(old.hard, nil)}
	for i := range ents {
		if !whole {
			states = append(states, old.torn(old.hard, ents[:i+1]), old.torn(n.hard, ents[:i]))
		}
	}
	images := tornImages(before, take(n.dir))
	for _, im := range images {
		n.opensAs(im, states)
	}
	return len(images)
}

// torn returns the node as it is if only that much of a save is there.
func (n *node) torn(hs *raftpb.HardState, ents []*raftpb.Entry) *node {
	state := *n
	state.hard, state.past = hs, n.past.with(nil, ents)
	return &state
}

// opensAs ends the check unless the image opens as one of the states, and raft starts with it.
func (n *node) opensAs(im image, states []*node) {
	dir := n.e.newDir()
	im.put(dir)
	store, err := n.e.open(dir)
	must(err, "open of what a torn save leaves")
	defer store.Close()
	var wrong error
	for _, state := range states {
		state.store = store
		err := attempt(state.accept)
		if err == nil {
			return
		}
		wrong = errors.Join(wrong, err)
	}
	failf("what a torn save leaves is none of the states that may be there:\n%w", wrong)
}
