package mutation

const (
	besideTest = "TestBeside_ReadersAndEveryStepOfAWriter"
	damageTest = "TestBeside_DamageIsReported"
	listTest   = "TestBeside_Listing"
)

func init() {
	table = append(table, []mutation{
		// Reading beside a writer.
		{
			name: "what seems to be damage at the end is not read again", file: "beside.go",
			old:   "if w.times == besideReads || now.torn && w.moved {",
			new:   "if true {",
			tests: []string{besideTest},
		}, {
			name: "a torn save counts as torn although it changes", file: "beside.go",
			old:   "if now.torn && w.moved {\n\t\t\t\ts.end.torn = nil",
			new:   "if false {\n\t\t\t\ts.end.torn = nil",
			tests: []string{besideTest},
		}, {
			name: "the end is read again from the buffer", file: "scan.go",
			old:   "d.win.size, d.win.flips = size, end.flips\n\td.win.forget()",
			new:   "d.win.size, d.win.flips = size, end.flips",
			tests: []string{besideTest},
		}, {
			name: "the end is read again up to the old length", file: "beside.go",
			old:   "s.rewind(min(size, s.dec.win.size))",
			new:   "s.rewind(s.dec.win.size)",
			tests: []string{besideTest},
		}, {
			name: "a reader begins from the start for each segment that is purged", file: "beside.go",
			old:   "if gone == scanned[len(scanned)-1] {",
			new:   "if true || gone == scanned[0] {",
			tests: []string{"TestBeside_PurgeOvertakesAReader"},
		}, {
			name: "what a purge was for is not read", file: "load.go",
			old:   "if s.last && l.gone != nil && s.err == nil {",
			new:   "if false {",
			tests: []string{"TestBeside_PurgeIsSeenWithWhatItWasFor"},
		}, {
			name: "Records takes a write in flight for damage", file: "record.go",
			old:   "\tif !r.last {\n\t\treturn false\n\t}",
			new:   "\tif true {\n\t\treturn false\n\t}",
			tests: []string{besideTest},
		}, {
			name: "Records reads again at each damaged place", file: "beside.go",
			old:   "{ return off < s.end && (!s.moved || end <= s.end) }",
			new:   "{ return false }",
			tests: []string{"TestDamage_ManyPlacesAreReadAFewTimes"},
		}, {
			name: "Records takes all behind damage for what stands still", file: "beside.go",
			old:   "{ return off < s.end && (!s.moved || end <= s.end) }",
			new:   "{ return true }",
			tests: []string{"TestBeside_TolerantRecords"},
		}, {
			name: "Records does not leave out what is purged", file: "record.go",
			old:   "if errors.Is(err, fs.ErrNotExist) {\n\t\tif left",
			new:   "if errors.Is(err, fs.ErrNotExist) && false {\n\t\tif left",
			tests: []string{besideTest},
		}, {
			name: "damage is reported after nine readings", file: "beside.go",
			old:   "const besideReads = 3",
			new:   "const besideReads = 9",
			tests: []string{damageTest},
		}, {
			name: "a listing is taken for one moment", file: "beside.go",
			old:   "if times == besideReads {\n\t\t\treturn names, nil",
			new:   "if true {\n\t\t\treturn names, nil",
			tests: []string{listTest},
		}, {
			name: "any gap in three listings is one", file: "beside.go",
			old:   "now = common(gaps, now)",
			new:   "now = append(gaps, now...)",
			tests: []string{listTest},
		},
	}...)
}
