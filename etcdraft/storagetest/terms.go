package storagetest

var termChecks = afterACrash(
	Check{
		Name: "Term/OfEveryEntry",
		Says: "Term returns the term of entry i, which must be in the range [FirstIndex()-1, " +
			"LastIndex()].",
		run: termOfEveryEntry,
	},
	Check{
		Name: "Term/OfTheEntryBeforeTheFirst",
		Says: "The term of the entry before FirstIndex is retained for matching purposes even though " +
			"the rest of that entry may not be available.",
		run: termOfTheEntryBeforeTheFirst,
	},
	Check{
		Name: "Term/SaysWhatIsUnavailable",
		Says: "ErrUnavailable is returned by Storage interface when the requested log entries are " +
			"unavailable.",
		run: termSaysWhatIsUnavailable,
	},
)

func termOfEveryEntry(e *env) {
	n := e.start()
	for _, count := range []int{1, 2, 1, 5, 3, 1, 1} {
		n.campaign()
		if n.hard.GetTerm() == 4 {
			n.campaign() // a term without entries
		}
		n.append(make([]int, count)...)
		n.append(10)
		n.compareTerms()
	}
	e.turn(n)
	n.compareTerms()
	n.replace(n.last()-4, 10)
	n.compareTerms()
	n.append(10, 10)
	e.turn(n)
	n.compareTerms()
}

func termOfTheEntryBeforeTheFirst(e *env) {
	n := e.start()
	n.append(10, 10)
	for range 4 {
		n.campaign()
		n.append(10, 10)
	}
	n.commit(9)
	n.snapshot(8)
	for index := uint64(1); index <= 8; index++ {
		n.compactUpTo(index)
		n.compareTerms()
		e.turn(n)
	}
	n.receive(20)
	e.turn(n)
	n.compareTerms()
	n.append(10)
	n.receive(30, 10, 10)
	e.turn(n)
	n.compareTerms()
}

func termSaysWhatIsUnavailable(e *env) {
	n := e.start()
	n.compareTerms()
	n.append(10, 10, 10, 10)
	n.compareTerms()
	n.replace(2, 10) // entries 3 and 4 are no more
	e.turn(n)
	n.compareTerms()
	n.append(10, 10, 10)
	n.receive(4) // and entry 5 is not
	e.turn(n)
	n.compareTerms()
}
