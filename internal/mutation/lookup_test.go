package mutation

func init() {
	const (
		besideTest = "TestLookUp_ReadingsBesideEverything"
		costTest   = "TestLookUp_CostFollowsWhatIsRead"
		indexTest  = "TestIndex_AgreesWithANaiveOne"
		smallTest  = "TestIndex_OfEntriesThatAreReplacedIsSmall"
	)
	table = append(table, []mutation{{
		name: "a follower of a failed log that was closed is not told of the failure", file: "follow.go",
		old:   "over != nil && errors.Is(err, ErrClosed) {",
		new:   "over == nil && errors.Is(err, ErrClosed) {",
		tests: []string{"TestFollow_OfAFailedLogThatWasClosed"},
	}, {
		name: "all that is wanted is looked up at once", file: "cursor.go",
		old:   "min(c.groups, maxGroups), c.found[:0])",
		new:   "1<<40, c.found[:0])",
		tests: []string{costTest},
	}, {
		name: "a reading looks up entries that replaced its own", file: "cursor.go",
		old: "\t\tif r <= from {\n\t\t\treturn &OverwrittenError{Index: r}\n\t\t}\n" +
			"\t\thi = min(hi, r)\n",
		new:   "\t\t_ = r\n",
		tests: []string{"TestLookUp_WhatIsDroppedAheadIsNotLookedUp"},
	}, {
		name: "a reading is not given what is released", file: "readers.go",
		old:   "\t\tc.keep(v.index.gone)\n",
		new:   "\t\t_ = c\n",
		tests: []string{besideTest},
	}, {
		name: "what was released and then replaced is read", file: "cursor.go",
		old:   "\tc.retired = c.retired.upTo(i)\n",
		new:   "",
		tests: []string{besideTest},
	}, {
		name: "a follower that waits needs no segment", file: "cursor.go",
		old:   "\t\tc.needs.Store(c.view.publishedEnd.Seq)\n",
		new:   "\t\tc.needs.Store(math.MaxUint64)\n",
		tests: []string{"TestFollow_OneThatWaitsNeedsTheSegmentsThatCome"},
	}, {
		name: "frames of entries that were replaced are taken for entries", file: "cursor.go",
		old:   "c.live == nil || c.live.at(c.frames-1)",
		new:   "c.live == nil || c.frames > 0",
		tests: []string{besideTest},
	}, {
		name: "a gap between groups is forgotten", file: "index.go",
		old:   "crc, dead != 0))",
		new:   "crc, dead > 1))",
		tests: []string{indexTest},
	}, {
		name: "an entry that is replaced begins a group", file: "index.go",
		old:   "\t\tr.dead += dropped\n",
		new:   "\t\tr.dead = -1 - 0*dropped\n",
		tests: []string{smallTest},
	}, {
		name: "the entries that are left of a group are counted wrong", file: "chunk.go",
		old:   "\tfor left := keep; left > 0; to++ {",
		new:   "\tfor left := keep; left > 0 && to < start+keep; to++ {",
		tests: []string{indexTest},
	}, {
		name: "what was let go of is read past what replaced it", file: "index.go",
		old:   "\thi = min(hi, r.next) // the points may go further: see upTo\n",
		new:   "",
		tests: []string{besideTest},
	}}...)
}
