package defects

func init() {
	const oursAndTheirs = "TestPlainTail_ASegmentIsPlainFromTheFirstPlainRecordOn"
	table = append(table, []defect{
		{
			name: "a plain record behind sealed ones is no record", file: "decoder.go",
			old:   "if d.started && f.sealed && !d.sealed {",
			new:   "if d.started && f.sealed != d.sealed {",
			tests: []string{oursAndTheirs},
		}, {
			name: "sealed records go on behind plain ones", file: "decoder.go",
			old:   "d.started, d.sealed = true, f.sealed\n\td.crc = crc",
			new:   "d.sealed = f.sealed || d.started && d.sealed\n\td.started, d.crc = true, crc",
			tests: []string{oursAndTheirs, "TestPlainTail_NothingSealedFollows"},
		}, {
			name: "a damaged plain record behind sealed ones counts as torn", file: "verdict.go",
			old:   "plain := !t.sealed || err == errChain && !o.sealed",
			new:   "plain := !t.sealed || err == nil && !o.sealed",
			tests: []string{"TestPlainTail_DamageIsCorruption", tableTest},
		}, {
			name: "a flipped bit of a plain record behind sealed ones is not found", file: "verdict.go",
			old:   "\t\tif o.sealed {\n\t\t\treturn 0, false",
			new:   "\t\tif t.sealed {\n\t\t\treturn 0, false",
			tests: []string{tableTest},
		}, {
			name: "what etcd went on from stays dropped", file: "scan.go",
			old:   "s.plain, s.notes = true, s.notes.asSeenByEtcd()",
			new:   "s.plain = true",
			tests: []string{"TestPlainTail_BringsBackWhatItWentOnFrom"},
		},
	}...)
}
