package mutation

func init() {
	table = append(table, []mutation{
		{
			name: "a cut keeps all locks", file: "locks.go",
			old:   "if i := len(*h) - 3; i > 0 {",
			new:   "if i := len(*h) - 3; i < 0 {",
			tests: []string{"TestLocks_AreFewHoweverManySegmentsThereAre"},
		}, {
			name: "the oldest segment needed is not locked after a release", file: "locks.go",
			old:   "if err := (*h)[i].lock(d); err != nil {",
			new:   "if err := (*h)[i].lock(d); err != nil && false {",
			tests: []string{"TestLocks_ReleaseForWantOfADescriptor"},
		}, {
			name: "the oldest segment is not locked at open", file: "locks.go",
			old:   "return i == 0 || i >= n-2",
			new:   "return i >= n-2",
			tests: []string{"TestLocks_KeepOthersOut"},
		}, {
			name: "the segment before the last one is not locked", file: "locks.go",
			old:   "return i == 0 || i >= n-2",
			new:   "return i == 0 || i >= n-1",
			tests: []string{"TestLocks_KeepOthersOut"},
		}, {
			name: "opening takes as many descriptors as it likes", file: "load.go",
			old:   "if l.maxFiles > 0 {",
			new:   "if l.maxFiles < 0 {",
			tests: []string{"TestLocks_AreFewHoweverManySegmentsThereAre"},
		}, {
			name: "what was before the segment that the log was opened at is never purged", file: "open.go",
			old:   "w.segments, w.dropped = held, l.before",
			new:   "w.segments, w.dropped = held, nil",
			tests: []string{"TestLocks_PurgeDeletesWhatIsBeforeTheSegmentThatTheLogWasOpenedAt"},
		}, {
			name: "a segment that another program deleted ends Purge", file: "release.go",
			old:   "if err != nil && !errors.Is(err, fs.ErrNotExist) {",
			new:   "if err != nil && errors.Is(err, fs.ErrNotExist) {",
			tests: []string{"TestLocks_KeepOthersOut"},
		},
	}...)
}
