package mutation

func init() {
	const oursAndTheirs = "TestPlainTail_ASegmentIsPlainFromTheFirstPlainRecordOn"
	table = append(table, []mutation{
		{
			name: "a plain record behind trailered ones is no record", file: "decoder.go",
			old:   "if d.started && f.HasTrailer && !d.trailered {",
			new:   "if d.started && f.HasTrailer != d.trailered {",
			tests: []string{oursAndTheirs},
		}, {
			name: "trailered records go on behind plain ones", file: "decoder.go",
			old: "d.started, d.trailered = true, f.HasTrailer\n\td.crc = crc",
			new: "d.trailered = f.HasTrailer || d.started && d.trailered\n" +
				"\td.started, d.crc = true, crc",
			tests: []string{oursAndTheirs, "TestPlainTail_NothingTraileredFollows"},
		}, {
			name: "a damaged plain record behind trailered ones counts as torn", file: "rest.go",
			old:   "plain := !t.trailered || t.bad == frame.ErrChain && !t.outline.HasTrailer",
			new:   "plain := !t.trailered || t.bad == nil && !t.outline.HasTrailer",
			tests: []string{"TestPlainTail_DamageIsCorruption", tableTest},
		}, {
			name: "a flipped bit of a plain record behind trailered ones is not found", file: "rest.go",
			old:   "\t\tif o.HasTrailer {\n\t\t\treturn 0, false",
			new:   "\t\tif t.trailered {\n\t\t\treturn 0, false",
			tests: []string{tableTest},
		}, {
			name: "what etcd went on from stays dropped", file: "scan.go",
			old:   "s.turnedPlain, s.edits = true, s.edits.asSeenByEtcd()",
			new:   "s.turnedPlain = true",
			tests: []string{"TestPlainTail_BringsBackWhatItWentOnFrom"},
		},
	}...)
}
