package mutation

func init() {
	const unknown = "TestNewer_AnIntactRecordOfAnUnknownKindIsNoDamage"
	table = append(table, []mutation{
		{
			name: "an unknown flag is passed over", file: "internal/frame/control.go",
			old:   "case f.Flags&^FlagMask != 0:",
			new:   "case false:",
			tests: []string{unknown},
		}, {
			name: "an unknown control record is passed over", file: "internal/frame/control.go",
			old:   "case len(f.Control()) > 0 && !knownControl(f.Data):",
			new:   "case false:",
			tests: []string{unknown},
		}, {
			name:  "an unknown type is taken for a newer one without a check",
			file:  "internal/frame/control.go",
			old:   "case !f.HasTrailer:",
			new:   "case false:",
			tests: []string{"TestNewer_AnUnknownTypeInAPlainSegmentIsCorruption"},
		}, {
			name: "Repair cuts what a newer version wrote", file: "repair.go",
			old:   "if errors.Is(s.damage, ErrNewerFormat) {",
			new:   "if false {",
			tests: []string{"TestNewer_RepairDoesNotCutItBehindDamage"},
		},
	}...)
}
