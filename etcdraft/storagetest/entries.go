package storagetest

import (
	"math"

	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3"
)

var entriesChecks = afterACrash(
	Check{
		Name: "Entries/AreThoseOfTheRange",
		Says: "Entries returns a slice of consecutive log entries in the range [lo, hi), starting " +
			"from lo.",
		run: entriesOfTheRange,
	},
	Check{
		Name: "Entries/LimitTheirSize",
		Says: "The maxSize limits the total size of the log entries returned, but Entries returns at " +
			"least one entry if any.",
		run: entriesLimitTheirSize,
	},
	Check{
		Name: "Entries/CanBeAppendedTo",
		Says: "The caller of Entries owns the returned slice, and may append to it.",
		run:  entriesCanBeAppendedTo,
	},
	Check{
		Name: "Entries/NeverChange",
		Says: "The individual entries in the slice must not be mutated, neither by the Storage " +
			"implementation nor the caller.",
		run: entriesNeverChange,
	},
	Check{
		Name: "Entries/SayWhatIsCompacted",
		Says: "Returns ErrCompacted if entry lo has been compacted",
		run:  entriesSayWhatIsCompacted,
	},
	Check{
		Name: "Entries/SayWhatIsUnavailable",
		Says: "ErrUnavailable if encountered an unavailable entry in [lo, hi).",
		run:  entriesSayWhatIsUnavailable,
	},
)

func entriesOfTheRange(e *env) {
	n := e.start()
	n.append(10, 0, 300, 1, 10)
	n.campaign()
	n.append(10, 5000, 10)
	n.append(0)
	e.turn(n)
	n.append(10, 10)
	for lo := n.first(); lo <= n.last(); lo++ {
		for hi := lo + 1; hi <= n.last()+1; hi++ {
			n.compareEntries(lo, hi, math.MaxUint64)
		}
	}
}

func entriesLimitTheirSize(e *env) {
	n := e.start()
	n.append(100, 200, 0, 3, 5000, 10)
	e.turn(n)
	n.append(100, 200)
	for lo := n.first(); lo <= n.last(); lo++ {
		n.compareEntries(lo, n.last()+1, 0)
		n.compareEntries(lo, n.last()+1, 1)
		var size uint64
		for _, ent := range n.past.from(lo) {
			size += uint64(proto.Size(ent))
			for _, maxSize := range []uint64{size - 1, size, size + 1} {
				for hi := lo + 1; hi <= n.last()+1; hi++ {
					n.compareEntries(lo, hi, maxSize)
				}
			}
		}
		for _, maxSize := range []uint64{math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64} {
			n.compareEntries(lo, n.last()+1, maxSize)
		}
	}
}

func entriesCanBeAppendedTo(e *env) {
	n := e.start()
	n.append(10, 10, 10, 10, 10, 10)
	e.turn(n)
	n.append(10, 10)
	for lo := n.first(); lo <= n.last(); lo++ {
		for hi := lo + 1; hi <= n.last(); hi++ {
			for _, maxSize := range []uint64{0, 60, math.MaxUint64} {
				ents, err := n.store.Entries(lo, hi, maxSize)
				must(err, "Entries(%d, %d, %d)", lo, hi, maxSize)
				appendTo(ents)
			}
		}
		n.compareEntries(n.first(), n.last()+1, math.MaxUint64)
	}
}

func entriesNeverChange(e *env) {
	n := e.start()
	var held slices
	n.append(10, 10, 300, 10, 10, 10, 10, 10)
	e.turn(n)
	steps := []func(){
		func() { n.append(10, 10) }, func() { n.replace(5, 20) }, func() { n.append(30, 30, 30, 30) },
		func() { n.replace(6, 20, 20, 20) }, func() { n.commit(6) }, func() { n.snapshot(6) },
		func() { n.compact(3) }, func() { n.append(10, 10) }, func() { n.compact(5) },
		func() { n.replace(7, 10, 10) }, func() { n.receive(20, 10, 10) }, func() { n.append(10, 10) },
	}
	for _, step := range steps {
		held.take(n.store, n.first(), n.last()+1)
		step()
		held.unchanged()
	}
	n.abandon()
	held.unchanged()
}

func entriesSayWhatIsCompacted(e *env) {
	n := e.start()
	n.append(10, 10, 10, 10, 10, 10)
	n.commit(5)
	n.snapshot(5)
	n.compact(4)
	e.turn(n)
	for _, maxSize := range []uint64{0, math.MaxUint64} {
		for lo := n.first() - 1; lo > 0; lo-- {
			for hi := lo + 1; hi <= n.last()+1; hi++ {
				_, err := n.store.Entries(lo, hi, maxSize)
				bare(raft.ErrCompacted, err, "Entries(%d, %d)", lo, hi)
			}
		}
	}
	n.receive(30)
	e.turn(n)
	_, err := n.store.Entries(30, 31, math.MaxUint64)
	bare(raft.ErrCompacted, err, "Entries(30, 31) behind a received snapshot at 30")
	_, err = n.store.Entries(6, 7, math.MaxUint64)
	bare(raft.ErrCompacted, err, "Entries(6, 7) behind a received snapshot at 30")
}

func entriesSayWhatIsUnavailable(e *env) {
	n := e.start()
	unavailable := func() {
		last := n.last()
		for lo := n.first(); lo <= last+1; lo++ {
			_, err := n.store.Entries(lo, last+2, math.MaxUint64)
			bare(raft.ErrUnavailable, err, "Entries(%d, %d) of a log that ends at %d", lo, last+2, last)
		}
	}
	unavailable()
	n.append(10, 10, 10)
	e.turn(n)
	unavailable()
	n.replace(2, 10)
	unavailable()
	n.receive(20)
	e.turn(n)
	unavailable()
}
