package mutation

// These mutations are in what a listener and a logger are told.
func init() {
	table = append(table, mutation{
		name: "a listener is told in the middle of a batch", file: "stats.go",
		old:   "w.later(event{synced: f.took})",
		new:   "l.Synced(f.took)",
		tests: []string{"TestListener_ThatPanicsOrEndsItsGoroutineHurtsOnlyThatCall"},
	}, mutation{
		name: "no goroutine leads on after a listener ended the one that led", file: "leader.go",
		old:   "\t\tif ended {\n",
		new:   "\t\tif false && ended {\n",
		tests: []string{"TestListener_CannotStopTheGoroutineThatLeads"},
	}, mutation{
		name: "a listener's panic in the log's own goroutine ends the process", file: "leader.go",
		old:   "\t\tif r := recover(); r != nil {\n",
		new:   "\t\tif r := any(nil); r != nil {\n",
		tests: []string{"TestListener_CannotStopTheGoroutineThatLeads"},
	}, mutation{
		name: "an open whose listener panics keeps the locks", file: "open.go",
		old:   "\t\tif !alive {\n",
		new:   "\t\tif false && !alive {\n",
		tests: []string{"TestListener_ThatPanicsInOpenLeavesTheLogUnlocked"},
	})
}
