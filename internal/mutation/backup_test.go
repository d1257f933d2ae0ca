package mutation

func init() {
	const (
		crash  = "TestBackup_CrashAtEveryMoment"
		faults = "TestBackup_AnyOneFailingCallLeavesNothing"
	)
	table = append(table, []mutation{
		{
			name: "the copies of segments are not synced", file: "backup.go",
			old:   "if err := out.Sync(); err != nil {",
			new:   "if err := error(nil); err != nil {",
			tests: []string{crash},
		}, {
			name: "the names in a backup are not synced", file: "backup.go",
			old:   "err = into.Sync()",
			new:   "err = nil",
			tests: []string{crash},
		}, {
			name: "the name of a backup is not synced", file: "backup.go",
			old:   "err := parent.Sync()",
			new:   "err := error(nil)",
			tests: []string{crash},
		}, {
			name: "a backup that failed is left where it was made", file: "backup.go",
			old:   "\t\tif left {\n",
			new:   "\t\tif left && false {\n",
			tests: []string{faults},
		}, {
			name: "a backup does not keep its segments from being purged", file: "backup.go",
			old:   "\tsrc.hold.needs.Store(src.names[0].seq)\n",
			new:   "",
			tests: []string{"TestBackup_HoldsWhatItCopies"},
		}, {
			name: "a torn tail is copied", file: "backup.go",
			old:   "\tif last {\n\t\tsize = s.end\n\t}\n",
			new:   "",
			tests: []string{"TestBackup_OfALogThatWasHurt"},
		}, {
			name: "a copy is not read back", file: "backup.go",
			old:   "\t\terr = b.check(into, names, end)\n",
			new:   "\t\t_, _ = names, end\n",
			tests: []string{"TestBackup_DoesNotTakeDamageAlong"},
		},
	}...)
}
