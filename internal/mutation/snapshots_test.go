package mutation

func init() {
	table = append(table, mutation{
		name: "a snapshot that was never saved is released", file: "release.go",
		old:   "\tcase !ok:\n\t\treturn fmt.Errorf",
		new:   "\tcase !ok && mark.Index == 0:\n\t\treturn fmt.Errorf",
		tests: []string{"TestRelease_OfASnapshotThatWasNeverSaved"},
	}, mutation{
		name: "the terms do not count for Release", file: "marks.go",
		old: "\t\tif want.Termed && n.Termed {\n",
		new: "\t\tif want.Termed && n.Termed && !known {\n",
		tests: []string{"TestRelease_ComparesTheTermIfThereIsOne",
			"TestRelease_OfASnapshotThatWasNeverSaved"},
	}, mutation{
		name: "the marks of older snapshots are kept", file: "release.go",
		old:   "w.marks.dropBelow(index)",
		new:   "w.marks.dropBelow(0)",
		tests: []string{"TestRelease_ForgetsTheSnapshotsBelow"},
	})
}

func init() {
	table = append(table, mutation{
		name: "a jump takes the entries before it at once", file: "jump.go",
		old: "\tc.last = i\n}\n\n// land",
		new: "\tc.last = i\n\tc.index.clear()\n}\n\n// land",
		tests: []string{"TestJump_TheOlderSnapshotStillOpens",
			"TestJump_EntriesThatGoOnBeforeItTakeItBack"},
	}, mutation{
		name: "a jump that is committed is taken back", file: "jump.go",
		old:   "len(above) > 0 && above[0] <= committed {",
		new:   "len(above) > 0 && above[0] == 0 {",
		tests: []string{"TestJump_Settled", "TestJump_Twice"},
	}, mutation{
		name: "a log opens in the gap between two jumps", file: "jump.go",
		old: "\treturn last, ok && first <= snapshot+1 && snapshot < last",
		new: "\treturn last, last > c.jump.from || ok && first <= snapshot+1 && snapshot < last",
		tests: []string{"TestJump_NothingStartsInAGap",
			"TestValidSnapshots_WhatIsListedOpensAndWhatOpensIsListed"},
	}, mutation{
		name: "that a jump was taken back is not written", file: "open.go",
		old:   "if !ld.tookBack || w.opts.etcdFormat {",
		new:   "if true {",
		tests: []string{"TestJump_TheOlderSnapshotStillOpens", "TestJump_PowerCutWhileItIsTakenBack"},
	}, mutation{
		name: "a jump that was taken back stays shown", file: "jump.go",
		old: "\tcase i <= j.from:\n\t\t*j = jump{}",
		new: "\tcase i < j.from:\n\t\t*j = jump{}",
		tests: []string{"TestJump_TheOlderSnapshotStillOpens",
			"TestJump_EntriesThatGoOnBeforeItTakeItBack"},
	})
}

func init() {
	table = append(table, mutation{
		name: "a Restore keeps the entries", file: "control.go",
		old:   "\tc.index.clear()\n\tc.marks,",
		new:   "\tc.marks,",
		tests: []string{"TestRestore_ReplacesTheLog", crashTest, modelTest},
	}, mutation{
		name: "a Restore keeps the older snapshots", file: "replay.go",
		old:   "\t\t\tr.recorded, r.compactions = nil, nil\n",
		new:   "",
		tests: []string{"TestRestore_OlderSnapshotsAreGone"},
	}, mutation{
		name: "a Restore takes entries that its snapshot covers", file: "control.go",
		old:   "if c.kind == frame.ControlRestore && i <= c.index {",
		new:   "if false {",
		tests: []string{"TestRestore_RefusesWhatDoesNotFollow"},
	}, mutation{
		name: "the snapshot of a Restore needs a state that commits it", file: "survey.go",
		old:   "r.Index <= committed || r.committed",
		new:   "r.Index <= committed",
		tests: []string{"TestRestore_CountsAsCommitted"},
	}, mutation{
		name: "a compaction is not written", file: "compact.go",
		old:   "if w.allDone() && w.lacksUpTo(index) {",
		new:   "if w.mu.Lock(); true {\n\t\tw.dropUpTo(index)\n\t\tw.mu.Unlock()",
		tests: []string{"TestCompact_DropsExactlyAndForEver", crashTest},
	}, mutation{
		name: "a compaction deletes the segment with the snapshot's record", file: "compact.go",
		old:   "\tif left {",
		new:   "\tif left && w == nil {",
		tests: []string{"TestCompact_KeepsTheSnapshotsThatOpen"},
	}, mutation{
		name: "an entry over a compacted one counts as dropped", file: "control.go",
		old:   "{ c.compacted = min(c.compacted, i-1) }",
		new:   "{}",
		tests: []string{"TestCompact_WhatIsSavedOverItCounts", modelTest},
	})
}

func init() {
	table = append(table, mutation{
		name: "snapshots behind which entries are missing are listed", file: "survey.go",
		old: "if _, ok := s.goesOnAt(m.Index, committed); !ok {",
		new: "if s == nil {",
		tests: []string{"TestValidSnapshots_ThoseThatDoNotOpenAreNotListed",
			"TestValidSnapshots_WhatIsListedOpensAndWhatOpensIsListed"},
	}, mutation{
		name: "snapshots that need what is damaged are listed", file: "survey.go",
		old:   "return ok && n.compare(s.names[0]) >= 0 && m.seq >= n.seq",
		new:   "return ok && n.seq >= 0",
		tests: []string{"TestValidSnapshots_WhatIsListedOpensAndWhatOpensIsListed"},
	}, mutation{
		name: "Repair cuts at damage that a snapshot has made needless", file: "repair.go",
		old: "err == nil && len(opens) > 0 {",
		new: "err == nil && len(opens) < 0 {",
		tests: []string{"TestValidSnapshots_NeedlessDamageDoesNotCount",
			"TestValidSnapshots_WhatIsListedOpensAndWhatOpensIsListed"},
	}, mutation{
		name: "Repair cuts within the head of a segment of etcd's", file: "scan.go",
		old:   "\tif s.records < needed {\n\t\treturn frame.Position{}",
		new:   "\tif s.records < 0 {\n\t\treturn frame.Position{}",
		tests: []string{"TestRepair_NeverCutsWithinTheHeadOfASegment"},
	}, mutation{
		name: "a dry run of Repair repairs", file: "repair.go",
		old: "if o.dryRun {",
		new: "if false {",
		tests: []string{"TestRepair_SaysBeforeWhatIsLost",
			"TestValidSnapshots_NeedlessDamageDoesNotCount"},
	})
}

func init() {
	table = append(table, mutation{
		name: "a compaction keeps what a pending jump hides", file: "control.go",
		old: "\ti = min(i, c.last)\n",
		new: "\tif i = min(i, c.last); c.jump.pending() {\n\t\treturn\n\t}\n",
		tests: []string{"TestCompact_WhileAJumpIsPending",
			"TestValidSnapshots_WhatIsListedOpensAndWhatOpensIsListed", modelTest},
	}, mutation{
		name: "a compaction leaves jumps pending", file: "control.go",
		old:   "\tc.settle(i)\n",
		new:   "",
		tests: []string{"TestCompact_BetweenTwoJumps"},
	}, mutation{
		name: "snapshots that a compaction dropped are back with an open", file: "replay.go",
		old: "if s.Index >= highest {",
		new: "if true {",
		tests: []string{"TestCompact_SnapshotsBeforeItAreGoneForEver",
			"TestValidSnapshots_WhatIsListedOpensAndWhatOpensIsListed"},
	}, mutation{
		name: "the snapshot of a compaction needs a state that commits it", file: "replay.go",
		old: "compacted && s.Index == highest",
		new: "compacted && s.Index > highest",
		tests: []string{"TestCompact_TheSnapshotAtTheIndexCountsAsCommitted",
			"TestCompact_PowerCutOverAJump"},
	}, mutation{
		name: "a late snapshot outlives a compaction if nothing is on its way", file: "control.go",
		old:   " && (!ok || m.Index >= i) && (c.snapshot == nil || c.snapAt >= i)",
		new:   " && (!ok || m.Index >= 0)",
		tests: []string{"TestCompact_DoesTheSameWhateverIsOnItsWay"},
	})
}
