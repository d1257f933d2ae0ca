package storagetest

// overwrites is the sentence about received snapshots.
const overwrites = "ApplySnapshot overwrites the contents of this Storage object with those of " +
	"the given snapshot."

var receivedChecks = append(afterACrash(
	Check{Name: "Received/IntoANewStore", Says: overwrites, run: receivedIntoANewStore},
	Check{Name: "Received/AboveTheLog", Says: overwrites, run: receivedAt(30)},
	Check{Name: "Received/AtTheLogsEnd", Says: overwrites, run: receivedAt(13)},
	Check{Name: "Received/BehindTheLogsEnd", Says: overwrites, run: receivedAt(14)},
	Check{Name: "Received/InsideTheLog", Says: overwrites, run: receivedAt(9)},
	Check{Name: "Received/AtTheFirstEntry", Says: overwrites, run: receivedAt(5)},
	Check{Name: "Received/AgainAndAgain", Says: overwrites, run: receivedAgainAndAgain},
),
	Check{
		Name: "Received/OutlastsACrash",
		Says: "Snapshot specifies the snapshot to be saved to stable storage.",
		run:  receivedOutlastsACrash,
	},
	Check{
		Name: "Received/RefusesAnOlderOne",
		Says: "handle check for old snapshot being applied",
		run:  receivedRefusesAnOlderOne,
	},
	Check{
		Name: "Received/LeavesNoCommitIndexBelow",
		Says: "The current state of a Node to be saved to stable storage BEFORE Messages are sent.",
		run:  receivedLeavesNoCommitIndexBelow,
	},
)

func receivedIntoANewStore(e *env) {
	n := e.start()
	n.receive(7)
	e.turn(n)
	n.compare()
	n.append(10, 10)
	e.turn(n)
	n.compare()
}

// receivedAt returns a check that receives a snapshot at an index, in a log of the entries 5 to 13,
// whose terms are others. None is committed that is not in a snapshot. The snapshot may have
// entries behind it in its Ready, or get them later, or there may be none.
func receivedAt(index uint64) func(e *env) {
	return func(e *env) {
		for _, behind := range [][]int{nil, {10}, {10, 10, 10, 10, 10, 10}} {
			n := e.start()
			n.append(10, 10, 10, 10)
			n.commit(4)
			n.snapshot(4)
			n.compact(4)
			for range 3 {
				n.append(10, 10, 10)
				n.campaign()
			}
			n.receive(index, behind...)
			n.compare()
			e.turn(n)
			n.append(10)
			n.compare()
			e.turn(n)
			n.replace(index+1, 10)
			n.compare()
			e.turn(n)
		}
	}
}

func receivedAgainAndAgain(e *env) {
	n := e.start()
	for range 4 {
		n.append(10, 700, 10, 10, 10)
		n.receive(n.last()-3, 10)
		n.compare()
		e.turn(n)
		n.receive(n.last() + 5)
		n.receive(n.last()+1, 10, 10)
		n.compare()
		e.turn(n)
		n.commit(n.last() - 1)
		n.snapshot(n.last() - 1)
		n.compact(n.last() - 1)
		e.turn(n)
	}
}

// receivedOutlastsACrash receives snapshots whose Ready has nothing else that must be synced: the
// term is known already.
func receivedOutlastsACrash(e *env) {
	n := e.start()
	n.append(10, 10, 10, 10, 10)
	for _, index := range []uint64{3, 20} {
		n.receiveKnown(index)
		n.crash()
		n.append(10, 10)
		n.crash()
	}
}

// receiveKnown saves a received snapshot of a term that raft has come to with a Ready before.
func (n *node) receiveKnown(index uint64) {
	hs, snap := n.received(index)
	n.campaign()
	hs.Vote = n.hard.Vote
	n.save(hs, snap, nil)
}

func receivedRefusesAnOlderOne(e *env) {
	n := e.start()
	n.append(10, 10, 10, 10, 10, 10)
	n.commit(4)
	n.snapshot(4)
	n.compact(2)
	for _, index := range []uint64{4, 3, 1} {
		hs, snap := n.received(index)
		hs.Commit = n.hard.Commit
		if err := n.store.Save(n.ready(hs, snap, nil)); err == nil {
			failf("Save takes a received snapshot at %d, in place of that at 4", index)
		}
		n.compare()
	}
	n.append(10)
	n.compare()
}

// receivedLeavesNoCommitIndexBelow receives snapshots whose Ready need not be synced for the commit
// index, without which raft does not start.
func receivedLeavesNoCommitIndexBelow(e *env) {
	n := e.start()
	n.append(10, 10, 10, 10)
	n.commit(3)
	n.snapshot(3)
	n.compact(3)
	n.crash() // the commit index was not synced, the snapshot was
	n.receiveKnown(10)
	n.crash()
}
