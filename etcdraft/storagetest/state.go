package storagetest

var stateChecks = []Check{
	{
		Name: "InitialState/OfANewStore",
		Says: "The returned ConfState must not be nil; if no ConfState has been persisted yet, return " +
			"an empty ConfState instead.",
		run: func(e *env) {
			n := e.start()
			n.compare()
			n.boot()
		},
	},
	{
		Name: "InitialState/OfWhatWasSavedLast",
		Says: "InitialState returns the saved HardState and ConfState information.",
		run:  stateOfWhatWasSavedLast,
	},
	{
		Name: "InitialState/StaysWhereThereIsNoUpdate",
		Says: "HardState will be nil if there is no update.",
		run: func(e *env) {
			n := e.start()
			n.campaign()
			for range 2 {
				n.append(10) // the first time raft has all its state there already
				n.compareState()
			}
			n.save(n.hard, nil, nil)
			n.compare()
		},
	},
	{
		Name: "InitialState/OutlastsACrash",
		Says: "The current state of a Node to be saved to stable storage BEFORE Messages are sent.",
		run:  stateOutlastsACrash,
	},
}

func stateOfWhatWasSavedLast(e *env) {
	n := e.start()
	for range 3 {
		n.campaign()
		n.compareState()
		n.append(10)
		n.commit(n.last())
		n.compareState()
	}
	n.snapshot(2)
	n.compareState()
	n.receive(10)
	n.compareState()
}

func stateOutlastsACrash(e *env) {
	n := e.start()
	n.crash() // a store that nothing was saved to
	for range 3 {
		n.campaign()
		n.crash()
	}
	n.append(10, 10)
	n.commit(2)
	n.snapshot(1)
	n.crash()
	n.append(10) // makes the commit index durable, or not
	n.campaign() // but this has to
	n.crash()
	n.reopen()
	n.campaign()
	n.reopen()
}
