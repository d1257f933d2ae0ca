package defects

func init() {
	const unknown = "TestNewer_AnIntactRecordOfAnUnknownKindIsNoDamage"
	table = append(table, []defect{
		{
			name: "an unknown flag is passed over", file: "newer.go",
			old:   "case f.flags&^flagMask != 0:",
			new:   "case false:",
			tests: []string{unknown},
		}, {
			name: "an unknown control record is passed over", file: "newer.go",
			old:   "case len(f.control()) > 0 && !knownControl(f.data):",
			new:   "case false:",
			tests: []string{unknown},
		}, {
			name: "an unknown type is taken for a newer one without a check", file: "newer.go",
			old:   "case !f.sealed:",
			new:   "case false:",
			tests: []string{"TestNewer_AnUnknownTypeInAPlainSegmentIsCorruption"},
		}, {
			name: "Repair cuts what a newer version wrote", file: "repair.go",
			old:   "if errors.Is(damage, ErrNewerFormat) {",
			new:   "if false {",
			tests: []string{"TestNewer_RepairDoesNotCutItBehindDamage"},
		},
	}...)
}
