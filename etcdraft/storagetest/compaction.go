package storagetest

import "go.etcd.io/raft/v3"

var compactChecks = append(afterACrash(
	Check{
		Name: "Compact/DropsUpToTheIndex",
		Says: "Compact discards all log entries prior to compactIndex.",
		run:  compactDropsUpToTheIndex,
	},
	Check{
		Name: "Compact/RefusesWhatIsGone",
		Says: "ErrCompacted is returned by Storage.Entries/Compact when a requested index is " +
			"unavailable because it predates the last snapshot.",
		run: compactRefusesWhatIsGone,
	},
),
	Check{
		Name: "Compact/KeepsWhatFollowsAfterACrash",
		run:  compactKeepsWhatFollows,
	},
)

func compactDropsUpToTheIndex(e *env) {
	n := e.start()
	for range 6 {
		n.append(10, 2000, 10)
		n.campaign()
	}
	n.commit(17)
	n.snapshot(16)
	for _, index := range []uint64{1, 2, 9, 15, 16} {
		n.compactUpTo(index)
		n.compare()
		e.turn(n)
	}
	n.append(10)
	n.commit(19)
	n.snapshot(19) // the last entry
	n.compact(19)
	n.compare()
	e.turn(n)
	n.append(10, 10)
	e.turn(n)
	n.compare()
}

func compactRefusesWhatIsGone(e *env) {
	n := e.start()
	n.append(10, 10, 10, 10)
	n.commit(4)
	n.snapshot(4)
	n.compact(3)
	e.turn(n)
	for index := n.first() - 1; index > 0; index-- {
		bare(raft.ErrCompacted, n.store.Compact(index), "Compact(%d) behind it", index)
		n.compare()
	}
	n.receive(9, 10)
	e.turn(n)
	bare(raft.ErrCompacted, n.store.Compact(9), "Compact(9) behind a received snapshot")
	n.compare()
}

// compactKeepsWhatFollows demands what raft leaves open: that the entries which were kept for a
// follower that lags are there after a crash too.
func compactKeepsWhatFollows(e *env) {
	n := e.start()
	n.append(10, 10, 10, 10, 10, 10, 10, 10)
	n.commit(7)
	n.snapshot(6)
	n.crash()
	equal(1, n.first(), "FirstIndex after opening, with a snapshot at 6 and nothing compacted,")
	n.compact(3)
	n.crash()
	if n.first() > 5 {
		failf("FirstIndex after opening is %d, with a snapshot at 6 and compacted up to 3", n.first())
	}
}
