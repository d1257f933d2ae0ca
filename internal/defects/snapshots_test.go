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
