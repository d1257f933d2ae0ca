package storagetest

import (
	"io"

	"go.etcd.io/raft/v3"
)

var snapshotChecks = append(afterACrash(
	Check{
		Name: "Snapshot/IsTheMostRecent",
		Says: "Snapshot returns the most recent snapshot.",
		run:  snapshotIsTheMostRecent,
	},
),
	Check{
		Name: "Snapshot/KeepsItsMembers",
		Says: "If any configuration changes have been made since the last compaction, the result of " +
			"the last ApplyConfChange must be passed in.",
		run: func(e *env) {
			n := e.start()
			n.append(10, 10)
			n.commit(2)
			cs := members(1)
			n.snapshotOf(1, cs)
			cs.Voters[0], cs.Learners, cs.AutoLeave = 99, nil, new(true) // the program has only one
			n.compareState()
			n.compareSnapshot()
		},
	},
	Check{
		Name: "CreateSnapshot/RefusesAnOlderOne",
		Says: "ErrSnapOutOfDate is returned by Storage.CreateSnapshot when a requested index is older " +
			"than the existing snapshot.",
		run: createSnapshotRefusesAnOlderOne,
	},
	Check{
		Name: "CreateSnapshot/LeavesNothingIfItFails",
		run:  createSnapshotLeavesNothingIfItFails,
	},
)

func snapshotIsTheMostRecent(e *env) {
	n := e.start()
	n.compareSnapshot()
	for range 3 {
		n.append(10)
		n.campaign()
		n.append(10, 10)
		n.commit(n.last())
		n.snapshot(n.last() - 2)
		n.compareSnapshot()
		e.turn(n)
		n.snapshot(n.last())
		e.turn(n)
		n.compareSnapshot()
	}
	n.receive(20)
	n.compareSnapshot()
	e.turn(n)
	n.append(10)
	n.commit(21)
	n.snapshot(21)
	n.compareSnapshot()
	e.turn(n)
}

func createSnapshotRefusesAnOlderOne(e *env) {
	n := e.start()
	n.append(10, 10, 10, 10)
	n.commit(4)
	n.snapshot(3)
	for index := uint64(1); index <= 3; index++ {
		err := n.store.CreateSnapshot(index, members(7), func(io.Writer) error { return nil })
		bare(raft.ErrSnapOutOfDate, err, "CreateSnapshot(%d) behind that at 3", index)
		n.compare()
	}
	n.compact(3)
	err := n.store.CreateSnapshot(2, members(7), func(io.Writer) error { return nil })
	bare(raft.ErrSnapOutOfDate, err, "CreateSnapshot(2) of what is compacted")
	n.receive(10)
	err = n.store.CreateSnapshot(4, members(7), func(io.Writer) error { return nil })
	bare(raft.ErrSnapOutOfDate, err, "CreateSnapshot(4) behind a received one at 10")
	n.compare()
}

func createSnapshotLeavesNothingIfItFails(e *env) {
	n := e.start()
	n.append(10, 10, 10, 10)
	n.commit(4)
	n.snapshot(2)
	err := n.store.CreateSnapshot(3, members(3), func(w io.Writer) error {
		if _, err := w.Write(snapshotData(3, 1)); err != nil {
			return err
		}
		return io.ErrNoProgress
	})
	if err == nil {
		failf("CreateSnapshot returns no error though its snapshot could not be written")
	}
	n.compare()
	n.snapshot(3)
	n.compare()
}
