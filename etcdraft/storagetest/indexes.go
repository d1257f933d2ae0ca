package storagetest

import "math"

var indexChecks = afterACrash(
	Check{
		Name: "FirstIndex/IsTheFirstThatCanBeRead",
		Says: "FirstIndex returns the index of the first log entry that is possibly available via " +
			"Entries",
		run: firstIndexCanBeRead,
	},
	Check{
		Name: "LastIndex/IsThatOfTheLastEntry",
		Says: "LastIndex returns the index of the last entry in the log.",
		run:  lastIndexIsThatOfTheLastEntry,
	},
)

func firstIndexCanBeRead(e *env) {
	n := e.start()
	n.compareIndexes()
	n.append(10, 10, 10, 10, 10, 10)
	n.compareIndexes()
	n.commit(5)
	n.snapshot(5)
	n.compareIndexes()
	for _, index := range []uint64{1, 4, 5} {
		n.compactUpTo(index)
		e.turn(n)
		n.compareIndexes()
		n.compareEntries(n.first(), n.last()+1, math.MaxUint64)
	}
	n.receive(20)
	n.compareIndexes()
	e.turn(n)
	n.append(10)
	n.compareIndexes()
	n.compareEntries(n.first(), n.last()+1, math.MaxUint64)
}

func lastIndexIsThatOfTheLastEntry(e *env) {
	n := e.start()
	n.compareIndexes()
	steps := []func(){
		func() { n.append(10, 10, 10) }, func() { n.append(10) }, func() { n.replace(2, 10) },
		func() { n.replace(3, 10, 10, 10) }, func() { n.commit(4) }, func() { n.snapshot(4) },
		func() { n.compactUpTo(4) }, func() { n.replace(5, 10) }, func() { n.receive(6) },
		func() { n.append(10, 10) }, func() { n.receive(7) },
	}
	for _, step := range steps {
		step()
		n.compareIndexes()
		e.turn(n)
		n.compareIndexes()
	}
}
