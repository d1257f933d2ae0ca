package mutation

func init() {
	table = append(table, mutation{
		name: "damage before a restore is not needless for what is listed", file: "survey.go",
		old:   "if len(s.before) == 0 || s.restoredWithin() {",
		new:   "if len(s.before) == 0 {",
		tests: []string{"TestSurvey_DamageBeforeARestoreIsNeedless"},
	}, mutation{
		name: "damage before a restore is not needless for an open", file: "start.go",
		old:   "if _, bad := l.badSegment(err); bad && s.snap != nil {",
		new:   "if _, bad := l.badSegment(err); bad && s.snap == nil {",
		tests: []string{"TestSurvey_DamageBeforeARestoreIsNeedless"},
	}, mutation{
		name:  "a segment that cannot be read keeps snapshots behind it from being listed",
		file:  "load.go",
		old:   "case l.failed != nil:",
		new:   "case false && l.failed != nil:",
		tests: []string{"TestSurvey_WhatIsNeedlessIsNoObstacle"},
	})
}
