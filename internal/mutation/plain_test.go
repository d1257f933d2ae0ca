package mutation

func init() {
	const oursAndTheirs = "TestPlainTail_ASegmentIsPlainFromTheFirstPlainRecordOn"
	table = append(table, []mutation{
		{
			name: "a plain record behind sealed ones is no record", file: "decoder.go",
			old:   "if d.started && f.HasTrailer && !d.trailered {",
			new:   "if d.started && f.HasTrailer != d.HasTrailer {",
			tests: []string{oursAndTheirs},
		}, {
			name: "sealed records go on behind plain ones", file: "decoder.go",
			old: "d.started, d.trailered = true, f.HasTrailer\n\td.crc = crc",
			new: "d.HasTrailer = f.HasTrailer || d.started && d.HasTrailer\n" +
				"\td.started, d.Crc = true, Crc",
			tests: []string{oursAndTheirs, "TestPlainTail_NothingSealedFollows"},
		}, {
			name: "a damaged plain record behind sealed ones counts as torn", file: "rest.go",
			old:   "plain := !t.trailered || t.bad == frame.ErrChain && !t.outline.HasTrailer",
			new:   "plain := !t.HasTrailer || t.bad == nil && !t.frame.Outline.HasTrailer",
			tests: []string{"TestPlainTail_DamageIsCorruption", tableTest},
		}, {
			name: "a flipped bit of a plain record behind sealed ones is not found", file: "rest.go",
			old:   "\t\tif o.HasTrailer {\n\t\t\treturn 0, false",
			new:   "\t\tif t.HasTrailer {\n\t\t\treturn 0, false",
			tests: []string{tableTest},
		}, {
			name: "what etcd went on from stays dropped", file: "scan.go",
			old:   "s.turnedPlain, s.edits = true, s.edits.asSeenByEtcd()",
			new:   "s.turnedPlain = true",
			tests: []string{"TestPlainTail_BringsBackWhatItWentOnFrom"},
		},
	}...)
}
