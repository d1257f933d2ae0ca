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
