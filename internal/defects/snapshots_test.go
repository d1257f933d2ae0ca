package defects

func init() {
	table = append(table, defect{
		name: "a snapshot that was never saved is released", file: "release.go",
		old:   "\tcase !ok:\n\t\treturn fmt.Errorf",
		new:   "\tcase !ok && mark.index == 0:\n\t\treturn fmt.Errorf",
		tests: []string{"TestReleaseOfASnapshotThatWasNeverSaved"},
	}, defect{
		name: "the terms do not count for Release", file: "marks.go",
		old:   "(!m.termed || !want.termed || m.term == want.term)",
		new:   "(!m.termed || !want.termed || true)",
		tests: []string{"TestReleaseComparesTheTermIfThereIsOne", "TestReleaseOfASnapshotThatWasNeverSaved"},
	}, defect{
		name: "the marks of older snapshots are kept", file: "release.go",
		old:   "return m.index < index })",
		new:   "return false })",
		tests: []string{"TestReleaseForgetsTheSnapshotsBelow"},
	})
}

func init() {
	table = append(table, defect{
		name: "a jump takes the entries before it at once", file: "jump.go",
		old:   "\tc.last = i\n}\n\n// land",
		new:   "\tc.last = i\n\tc.index.clear()\n}\n\n// land",
		tests: []string{"TestJump_TheOlderSnapshotStillOpens", "TestJump_EntriesThatGoOnBeforeItTakeItBack"},
	}, defect{
		name: "a jump that is committed is taken back", file: "jump.go",
		old:   "case to <= committed:",
		new:   "case to <= committed && to == 0:",
		tests: []string{"TestJump_Settled", "TestJump_Twice"},
	}, defect{
		name: "a log opens in the gap between two jumps", file: "jump.go",
		old:   "\treturn last, ok && first <= snapshot+1 && snapshot < last",
		new:   "\treturn last, last > c.jump.from || ok && first <= snapshot+1 && snapshot < last",
		tests: []string{"TestJump_NothingStartsInAGap", "TestValidSnapshots_WhatIsListedOpensAndWhatOpensIsListed"},
	}, defect{
		name: "that a jump was taken back is not written", file: "jump.go",
		old:   "if !ld.tookBack || w.opts.etcdFormat {",
		new:   "if true {",
		tests: []string{"TestJump_TheOlderSnapshotStillOpens", "TestJump_PowerCutWhileItIsTakenBack"},
	}, defect{
		name: "a jump that was taken back stays shown", file: "jump.go",
		old:   "\tcase i <= j.from:\n\t\t*j = jump{}",
		new:   "\tcase i < j.from:\n\t\t*j = jump{}",
		tests: []string{"TestJump_TheOlderSnapshotStillOpens", "TestJump_EntriesThatGoOnBeforeItTakeItBack"},
	})
}

func init() {
	table = append(table, defect{
		name: "a Restore keeps the entries", file: "control.go",
		old:   "\tc.index.clear()\n\tc.marks,",
		new:   "\tc.marks,",
		tests: []string{"TestRestore_ReplacesTheLog", crashTest, modelTest},
	}, defect{
		name: "a Restore keeps the older snapshots", file: "replay.go",
		old:   "\t\t\tr.recorded = nil\n",
		new:   "",
		tests: []string{"TestRestore_OlderSnapshotsAreGone"},
	}, defect{
		name: "a Restore takes entries that its snapshot covers", file: "control.go",
		old:   "if c.kind == controlRestore && i <= c.index {",
		new:   "if false {",
		tests: []string{"TestRestore_RefusesWhatDoesNotFollow"},
	}, defect{
		name: "the snapshot of a Restore needs a state that commits it", file: "valid_snapshots.go",
		old:   "r.index <= committed || r.committed",
		new:   "r.index <= committed",
		tests: []string{"TestRestore_CountsAsCommitted"},
	}, defect{
		name: "a compaction is not written", file: "compact.go",
		old:   "if w.settled() && w.lacksUpTo(index) {",
		new:   "if w.mu.Lock(); true {\n\t\tw.dropUpTo(index)\n\t\tw.mu.Unlock()",
		tests: []string{"TestCompact_DropsExactlyAndForEver", crashTest},
	}, defect{
		name: "a compaction deletes the segment with the snapshot's record", file: "compact.go",
		old:   "\tif left {",
		new:   "\tif left && w == nil {",
		tests: []string{"TestCompact_KeepsTheSnapshotsThatOpen"},
	}, defect{
		name: "an entry over a compacted one counts as dropped", file: "control.go",
		old:   "{ c.compacted = min(c.compacted, i-1) }",
		new:   "{}",
		tests: []string{"TestCompact_WhatIsSavedOverItCounts", modelTest},
	})
}

func init() {
	table = append(table, defect{
		name: "snapshots behind which entries are missing are listed", file: "valid_snapshots.go",
		old:   "if _, ok := s.goesOnAt(m.index, committed); !ok {",
		new:   "if s == nil {",
		tests: []string{"TestValidSnapshots_ThoseThatDoNotOpenAreNotListed", "TestValidSnapshots_WhatIsListedOpensAndWhatOpensIsListed"},
	}, defect{
		name: "snapshots that need what is damaged are listed", file: "valid_snapshots.go",
		old:   "\treturn h >= len(s.before) && m.seq >= names[h].seq",
		new:   "\treturn h >= 0",
		tests: []string{"TestValidSnapshots_WhatIsListedOpensAndWhatOpensIsListed"},
	}, defect{
		name: "Repair cuts at damage that a snapshot has made needless", file: "repair.go",
		old:   "err == nil && len(opens) > 0 {",
		new:   "err == nil && len(opens) < 0 {",
		tests: []string{"TestValidSnapshots_NeedlessDamageDoesNotCount", "TestValidSnapshots_WhatIsListedOpensAndWhatOpensIsListed"},
	}, defect{
		name: "Repair cuts within the head of a segment of etcd's", file: "scan.go",
		old:   "\tif s.records < head {\n\t\treturn place{}",
		new:   "\tif s.records < 0 {\n\t\treturn place{}",
		tests: []string{"TestRepair_NeverCutsWithinTheHeadOfASegment"},
	}, defect{
		name: "a dry run of Repair repairs", file: "repair.go",
		old:   "if o.dryRun {",
		new:   "if false {",
		tests: []string{"TestRepair_SaysBeforeWhatIsLost", "TestValidSnapshots_NeedlessDamageDoesNotCount"},
	})
}

func init() {
	table = append(table, defect{
		name: "a compaction keeps what a pending jump hides", file: "control.go",
		old:   "\ti = min(i, c.last)\n",
		new:   "\tif i = min(i, c.last); c.jump.pending() {\n\t\treturn\n\t}\n",
		tests: []string{"TestCompact_WhileAJumpIsPending", "TestValidSnapshots_WhatIsListedOpensAndWhatOpensIsListed", modelTest},
	}, defect{
		name: "a compaction leaves jumps pending", file: "control.go",
		old:   "\tc.stay(i)\n",
		new:   "",
		tests: []string{"TestCompact_BetweenTwoJumps"},
	}, defect{
		name: "snapshots that a compaction dropped are back with an open", file: "replay.go",
		old:   "return s.index < i })",
		new:   "return false })",
		tests: []string{"TestCompact_SnapshotsBeforeItAreGoneForEver", "TestValidSnapshots_WhatIsListedOpensAndWhatOpensIsListed"},
	}, defect{
		name: "the snapshot of a compaction needs a state that commits it", file: "replay.go",
		old:   "r.recorded[n].committed = true",
		new:   "r.recorded[n].committed = i == 0",
		tests: []string{"TestCompact_TheSnapshotAtTheIndexCountsAsCommitted", "TestCompact_PowerCutOverAJump"},
	}, defect{
		name: "a late snapshot outlives a compaction if nothing is on its way", file: "control.go",
		old:   " && (!ok || m.index >= i) && (c.snapshot == nil || c.snapAt >= i)",
		new:   " && (!ok || m.index >= 0)",
		tests: []string{"TestCompact_DoesTheSameWhateverIsOnItsWay"},
	})
}
