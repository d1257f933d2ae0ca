package storagetest

var saveChecks = append(afterACrash(
	Check{
		Name: "Save/ReplacesEntries",
		Says: "Note that when writing an Entry with Index i, any previously-persisted entries with " +
			"Index >= i must be discarded.",
		run: saveReplacesEntries,
	},
	Check{
		Name: "Save/ReplacesLargeEntries",
		Says: "Note that when writing an Entry with Index i, any previously-persisted entries with " +
			"Index >= i must be discarded.",
		run: saveReplacesLargeEntries,
	},
),
	Check{
		Name: "Save/OutlastsACrash",
		Says: "Entries specifies entries to be saved to stable storage BEFORE Messages are sent.",
		run:  saveOutlastsACrash,
	},
	Check{
		Name: "Save/LosesOnlyTheCommitIndex",
		Says: "MustSync indicates whether the HardState and Entries must be durably written to disk or " +
			"if a non-durable write is permissible.",
		run: saveLosesOnlyTheCommitIndex,
	},
)

func saveReplacesEntries(e *env) {
	n := e.start()
	n.append(10, 10, 10, 10, 10, 10)
	for _, from := range []uint64{6, 4, 1} { // the last one, some, all
		n.replace(from, 10)
		n.compare()
		e.turn(n)
		n.append(10, 10, 10, 10, 10, 10)
		n.compare()
	}
	n.replace(3, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10) // beyond the end
	n.compare()
	e.turn(n)
	n.commit(4)
	n.snapshot(3)
	n.compact(3)
	n.replace(5, 10)
	n.compare()
	e.turn(n)
	n.commit(5)
	n.snapshot(5)
	n.compact(5)
	n.append(10)
	n.replace(6, 10, 10) // the first one
	e.turn(n)
	n.compare()
}

func saveReplacesLargeEntries(e *env) {
	n := e.start()
	for range 10 {
		n.append(10, 3000, 6000, 10, 20000)
	}
	for _, from := range []uint64{50, 41, 7} {
		n.replace(from, 10)
		n.compare()
		e.turn(n)
		n.append(4000, 10, 4000)
		n.replace(from+1, 4000, 4000, 10, 10, 10, 9000)
		e.turn(n)
		n.compare()
	}
}

func saveOutlastsACrash(e *env) {
	n := e.start()
	for _, size := range []int{10, 0, 600, 5000, 70000} {
		n.append(size)
		n.crash()
		n.append(10, size, size)
		n.crash()
		n.append(0)
		n.reopen()
	}
}

func saveLosesOnlyTheCommitIndex(e *env) {
	n := e.start()
	n.append(10, 10, 10, 10, 10, 10)
	n.commit(2)
	n.crash()
	for _, index := range []uint64{3, 4, 5} {
		n.commit(index)
	}
	n.crash()
	n.commit(5)
	n.append(10) // is synced, and does not say what is committed
	n.crash()
	n.commit(6)
	n.campaign() // says it
	equal(6, n.synced, "the commit index that is synced")
	n.crash()
}
