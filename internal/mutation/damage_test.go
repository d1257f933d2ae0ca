package mutation

func init() {
	const (
		costs    = "TestDamage_CostsNoMoreThanHealth"
		evidence = "TestEvidence_AMadeUpRecordInAPayloadDoesNotKeepATornSaveFromHealing"
		finder   = "TestFinder_TheFirstRecordIsFoundAmongBeginningsThatAreNone"
	)
	table = append(table, []mutation{
		{
			name: "a length is believed before anything vouches for it", file: "decoder.go",
			old:   "if err := d.claim(size); err != nil {",
			new:   "if err := error(nil); err != nil {",
			tests: []string{costs},
		}, {
			name: "what a client made up inside a torn record is evidence", file: "rest.go",
			old:   "case o.Intact || t.footLost(off, &o):",
			new:   "case o.Intact:",
			tests: []string{evidence},
		}, {
			name: "what is behind a torn record is no evidence", file: "rest.go",
			old:   "at, err := f.first(off+frame.WordSize, frame.FlagSynced)",
			new:   "at, err := f.first(t.win.size, frame.FlagSynced)",
			tests: []string{tableTest, rotTest},
		}, {
			name: "a record that had to wait is forgotten", file: "finder.go",
			old:   "\treturn f.checkWaiting(flags)\n}",
			new:   "\tf.waiting = nil\n\treturn nil\n}",
			tests: []string{finder},
		}, {
			name: "a hole at an odd end is searched for ever", file: "finder.go",
			old:   "\t\t\tf.searched = f.win.size // what",
			new:   "\t\t\t_ = f.win.size // what",
			tests: []string{"TestFinder_AHoleAtTheEndOfAnOddLengthEndsTheSearch"},
		}, {
			name: "a later record is found before one that waits", file: "finder.go",
			old:   "\tslices.Sort(f.found)\n",
			new:   "",
			tests: []string{finder},
		}, {
			name: "the claims before each record are read one by one", file: "finder.go",
			old:   "len(f.found) > 0 && int64(len(f.waiting)) <= f.credit()",
			new:   "len(f.found) > 0",
			tests: []string{"TestDamage_ClaimsAmongRecordsAreReadTogether"},
		}, {
			name: "what is behind a record in the same read is passed over", file: "finder.go",
			old:   "if done || f.enough() {",
			new:   "if f.searched = max(f.searched, p.off+p.size); done || f.enough() {",
			tests: []string{"TestFinder_GoesOnBehindWhatItFound"},
		}, {
			name: "a check covers any amount of a control record's data", file: "internal/frame/outline.go",
			old:   "o.DataSize > MaxControl {",
			new:   "o.DataSize > 1<<40 {",
			tests: []string{"TestFrame_AControlRecordHasBoundedData"},
		}, {
			name: "a repair cuts behind the metadata, and the state is lost", file: "scan.go",
			old:   "\t\tneeded++\n",
			new:   "\t\tneeded += 0\n",
			tests: []string{"TestRepair_DamageToTheHeadOfAPlainSegment"},
		}, {
			name: "one of two bits that look alike is put back", file: "internal/crc32c/crc32c.go",
			module: "internal/crc32c",
			old:    "behind < bits && behind+period >= bits",
			new:    "behind < bits",
			tests:  []string{"TestCRC_AFlipIsFoundInDataOfAnySize"},
		}, {
			name: "the rest of a segment is read again for each record behind damage", file: "window.go",
			old:   "if b := w.ahead(off); int64(len(b)) >= min(n, minAhead) {",
			new:   "if b := w.ahead(off); int64(len(b)) >= n {",
			tests: []string{"TestWindow_UsesWhatWasReadAhead"},
		}, {
			name: "a block of zeros too many is trimmed", file: "zeros.go",
			old:   "for n >= len(zeroBlock) && bytes.Equal(b[n-len(zeroBlock):n], zeroBlock[:]) {",
			new:   "for n >= len(zeroBlock) && bytes.Equal(b[:1], zeroBlock[:1]) {",
			tests: []string{"TestZeros_EndAtTheFirstAndTheLastOtherByte"},
		},
	}...)
}
