package mutation

func init() {
	table = append(table, []mutation{
		{
			name: "a preparation that failed is not tried again", file: "file_pipeline.go",
			old:   "if early && prep.err != nil {",
			new:   "if early && prep.err != nil && p.size < 0 {",
			tests: []string{"TestFilePipeline_AFailedPreparationIsTriedAgainWhenTheFileIsTaken"},
		}, {
			name: "a shortage at a cut is final", file: "cut.go",
			old:   "if vfs.IsShortage(err) {",
			new:   "if vfs.IsShortage(err) && s == nil {",
			tests: []string{"TestShortage_RefusesTheSaveAndPasses"},
		}, {
			name: "a refused save stays in the state", file: "shortage.go",
			old:   "end.state = bytes.Clone(end.state)",
			new:   "_ = bytes.Clone(end.state)",
			tests: []string{"TestShortage_RefusesTheSaveAndPasses"},
		}, {
			name: "a refused save stays in the batch", file: "shortage.go",
			old:   "\tw.open.reset()\n\tw.unsynced",
			new:   "\tw.unsynced",
			tests: []string{"TestShortage_RefusesTheSaveAndPasses"},
		}, {
			name: "a full disk keeps the log from opening", file: "shortage.go",
			old:   "if err == nil || !vfs.IsShortage(err) {",
			new:   "if err == nil || vfs.IsShortage(err) {",
			tests: []string{"TestShortage_ALogOpensWithoutSpaceForItsLastSegment"},
		}, {
			name: "saves are written where there is no prepared space", file: "commit.go",
			old:   "if w.bare {",
			new:   "if false {",
			tests: []string{"TestShortage_ALogOpensWithoutSpaceForItsLastSegment"},
		}, {
			name: "a cut that fails leaves its file", file: "cut.go",
			old:   "discard(w.dir, f, tmp) // if",
			new:   "f.Close() // if",
			tests: []string{"TestShortage_ACutThatFailsLeavesNoTemporaryFile"},
		}, {
			name: "an interrupted sync is final", file: "internal/vfs/file.go",
			old:   "!errors.Is(err, syscall.EINTR) {",
			new:   "!errors.Is(err, syscall.EAGAIN) {",
			tests: []string{"TestAnInterruptedCallIsMadeAgain"}, module: "internal/vfs",
		}, {
			name: "a directory that cannot be synced is an error", file: "internal/vfs/os.go",
			old:   "if err != nil && isOneOf(err, unsyncable) {",
			new:   "if err != nil && isOneOf(err, shortages) {",
			tests: []string{"TestADirectoryThatCannotBeSyncedIsNoError"}, module: "internal/vfs",
		},
		{
			name: "Records passes over a segment without a header", file: "record.go",
			old:   "case err == io.EOF && r.records < headerRecords && !r.damaged:",
			new:   "case err == io.EOF && r.records < 0 && !r.damaged:",
			tests: []string{"TestErrors_BlameAnEmptySegmentItself"},
		}, {
			name: "healing trusts the cache for want of space", file: "recover.go",
			old:   "!(vfs.IsShortage(err) && f.Stored(b, off)) {",
			new:   "!vfs.IsShortage(err) {",
			tests: []string{"TestShortage_ALogOpensOnAFullDiskThatCopiesOnWrite"},
		}, {
			name: "zeros are written ahead where writes are copied", file: "zerofill.go",
			old:   "|| f.CopyOnWrite() {",
			new:   "{",
			tests: []string{"TestShortage_NoZerosAheadWhereWritesAreCopied"},
		}, {
			name: "reserved space that was read counts as data", file: "zerofill.go",
			old:   "\tf.Forget(off) //",
			new:   "\t//",
			tests: []string{"TestZerofill_AlsoAfterTheSpaceWasRead"},
		}, {
			name: "zeros are written over the end of the batch", file: "zerofill.go",
			old:   "for off := end; off < to; {",
			new:   "for off := end - 8; off < to; {",
			tests: []string{crashTest, "TestZerofill_TheWayChangesFromBatchToBatch"},
		}, {
			name: "zeros are written behind the segment", file: "zerofill.go",
			old:   "(end+step-1)/step*step, r.limit)",
			new:   "(end+step-1)/step*step, r.limit+step)",
			tests: []string{"TestZerofill_EndsWithTheSegmentAndIsAChoice"},
		}, {
			name: "what the zeros cost is not seen", file: "flush.go",
			old:   "w.opts.clock().Sub(start))",
			new:   "0*w.opts.clock().Sub(start))",
			tests: []string{"TestZeroPolicy_OfALog"},
		}, {
			name: "a trial ends only at its own size", file: "zeropolicy.go",
			old:   "\tif k := p.compared; k != nil {",
			new:   "\tif k := p.compared; k != nil && k == of {",
			tests: []string{"TestZeroPolicy_BatchesThatGatherWhatArrives"},
		}, {
			name: "only batches of one size are compared", file: "zeropolicy.go",
			old:   "return a.rate() >= b.rate()*7/8",
			new:   "return false",
			tests: []string{"TestZeroPolicy_BatchesThatGatherWhatArrives"},
		}, {
			name: "one trial decides", file: "zeropolicy.go",
			old:   "case !k.won:",
			new:   "case false:",
			tests: []string{"TestZeroPolicy_OneTrialThatSomethingElseSlowedDownDecidesNothing"},
		}, {
			name: "trials do not grow rare", file: "zeropolicy.go",
			old:   "min(mostKept, k.every*firstKept)",
			new:   "min(mostKept, k.every)",
			tests: []string{"TestZeroPolicy_TrialsGrowRare"},
		}, {
			name: "a long wait counts as any other", file: "zeropolicy.go",
			old:   "longWaitCounts = 8",
			new:   "longWaitCounts = 1",
			tests: []string{"TestZeroPolicy_ATailHurtsMoreThanAMean"},
		}, {
			name: "all sizes have one answer", file: "zeropolicy.go",
			old:   "bits.Len64(uint64(s.size()))",
			new:   "bits.Len64(0)",
			tests: []string{"TestZeroPolicy_EachSizeHasItsOwnAnswer"},
		},
	}...)
}
