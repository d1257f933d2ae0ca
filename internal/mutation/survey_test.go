package mutation

func init() {
	table = append(table, mutation{
		name: "damage before a restore is not needless for what is listed", file: "survey.go",
		old:   "if len(s.before) == 0 || s.restoredWithin() {",
		new:   "if len(s.before) == 0 {",
		tests: []string{"TestSurvey_DamageBeforeARestoreIsNeedless"},
	}, mutation{
		name: "damage before a restore is not needless for an open", file: "start.go",
		old:   "if l.blamesSegment(err) && s.snap != nil {",
		new:   "if l.blamesSegment(err) && s.snap == nil {",
		tests: []string{"TestSurvey_DamageBeforeARestoreIsNeedless"},
	}, mutation{
		name:  "a segment that cannot be read keeps snapshots behind it from being listed",
		file:  "load.go",
		old:   "case !l.skip:",
		new:   "case !l.skip || !errors.Is(err, ErrCorrupt):",
		tests: []string{"TestSurvey_WhatIsNeedlessIsNoObstacle"},
	}, mutation{
		name: "one damaged segment is passed over, but not two", file: "load.go",
		old:   "case !l.skip:",
		new:   "case !l.skip || ld.damage != nil:",
		tests: []string{"TestDamage_ManySegmentsAreReadAFewTimes"},
	}, mutation{
		name: "a segment that does not follow is passed over, too", file: "load.go",
		old:   "case at > 0:",
		new:   "case at < 0:",
		tests: []string{"TestValidSnapshots_WhatIsListedOpensAndWhatOpensIsListed"},
	})
}
