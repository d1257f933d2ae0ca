package mutation

func init() {
	const doneTest = "TestDone_ACallWithNothingToDoWaitsForWhatIsOnItsWay"
	table = append(table, mutation{
		name: "a call with nothing to do does not wait for what is on its way", file: "commit.go",
		old:   "if err := w.sticky.err(); err != nil || w.allDone() {",
		new:   "if err := w.sticky.err(); err != nil || !w.open.pending() {",
		tests: []string{doneTest},
	}, mutation{
		name: "who waits for what was written before is forgotten", file: "batch.go",
		old:   "return len(b.enc.buf) > 0 || b.sync || b.waiters != nil",
		new:   "return len(b.enc.buf) > 0 || b.sync",
		tests: []string{doneTest},
	}, mutation{
		name: "an append of nothing is done at once", file: "pending.go",
		old:   "case done && w.allDone():",
		new:   "case done:",
		tests: []string{doneTest},
	}, mutation{
		name: "Purge deletes before what replaces it is durable", file: "release.go",
		old:   "\tif err := w.Sync(); err != nil {\n\t\treturn 0, err\n\t}\n",
		new:   "",
		tests: []string{"TestDone_ReleaseAndPurgeMakeDurableWhatTheyRelyOn"},
	}, mutation{
		name: "Release gives up before what replaces it is durable", file: "release.go",
		old:   "\tif err := w.Sync(); err != nil {\n\t\treturn err\n\t}\n",
		new:   "",
		tests: []string{"TestDone_ReleaseAndPurgeMakeDurableWhatTheyRelyOn"},
	}, mutation{
		name: "the sync of the segment that ends is not counted", file: "cut.go",
		old:   "f.sync, f.took = true, time.Since(began)",
		new:   "_ = began",
		tests: []string{"TestStats_SeeTheSyncOfTheSegmentThatEnds"},
	}, mutation{
		name: "the memory of a large save is kept", file: "encoder.go",
		old:   "if cap(e.buf) > maxKeptBuffer && len(e.buf) <= maxKeptBuffer {",
		new:   "if cap(e.buf) < 0 {",
		tests: []string{"TestCommit_ALargeSaveLeavesNoLargeBuffer"},
	}, mutation{
		name: "a lone caller waits for company each time", file: "linger.go",
		old:   "\tb.left = b.next\n",
		new:   "",
		tests: []string{"TestAppend_ALoneCallerIsNotKeptWaitingForCompany"},
	})
}
