package mutation

func init() {
	const (
		release = "TestGrowth_ReleaseOfOneSegmentAfterTheOther"
		jumps   = "TestGrowth_JumpsTakenBackOneAfterTheOther"
		marks   = "TestMarks_AreWhatTheRecordsSay"
		holders = "TestHolders_FindWhatHoldingFinds"
	)
	table = append(table, []mutation{
		{
			name: "what is left is copied each time that one is dropped", file: "segment.go",
			old:   "if n > 0 && n >= len(left) {",
			new:   "if n > 0 {",
			tests: []string{release},
		}, {
			name: "jumps are copied when one is taken back", file: "jump.go",
			old:   "j.to = append(j.to[:n], i)",
			new:   "j.to = append(slices.Clone(j.to[:n]), i)",
			tests: []string{jumps},
		}, {
			name: "a segment is kept for a snapshot that is forgotten", file: "marks.go",
			old:   "for _, m := range ms.byID[:n] {",
			new:   "for _, m := range ms.byID[:n/2] {",
			tests: []string{marks},
		}, {
			name: "the term decides which record of a snapshot is the last", file: "marks.go",
			old:   "if !ok || n.seq >= m.seq {",
			new:   "if true {",
			tests: []string{marks},
		}, {
			name: "a segment is found although a later one holds the index", file: "segment.go",
			old:   "for i > 0 && h.names[i-1].index >= n.index {",
			new:   "for false {",
			tests: []string{holders},
		},
	}...)
}
