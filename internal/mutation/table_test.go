package mutation

// mutation is one mistake at one position, and the tests that must notice it.
type mutation struct {
	name     string
	file     string // its path from the module's root
	old, new string // old stands in the file exactly once, and is replaced by new
	tests    []string
	module   string // the module whose tests they are; the root by default
	quick    bool   // tried in every run of this package's tests, with the first of its tests
}

const (
	crashTest = "TestCrash_AtEveryMoment" // the simulated disk
	powerTest = "TestConcurrency_EveryAcknowledgementIsDurableAtThatMoment"
	killTest  = "TestKilledProcess_LosesNothingAcknowledged"
	faultTest = "TestFaults_AnyOneFailingCallLosesNothingAcknowledged"
	tornTest  = "TestTorn_ASaveIsWholeOrGone"
	rotTest   = "TestBitRot_InAClosedLog"
	tableTest = "TestVerdict_FollowsTheTable"
	modelTest = "FuzzModel" // its seeds
)

var table = []mutation{
	// Saves.
	{
		name: "the sync after a write is skipped", file: "flush.go", quick: true,
		old:   "if err := f.file.Datasync(); err != nil {",
		new:   "if err := error(nil); err != nil {",
		tests: []string{powerTest, crashTest},
	}, {
		name: "callers are let go before the sync", file: "flush.go",
		old:   "\tif f.sync {\n\t\tbegan := time.Now()",
		new:   "\tw.acknowledge(f)\n\tf.waiters = nil\n\tif f.sync {\n\t\tbegan := time.Now()",
		tests: []string{powerTest, crashTest},
	}, {
		name: "callers are let go before the write, and the disk is slow", file: "flush.go",
		old: "func (w *WAL) perform(f *inflight) error {\n",
		new: "func (w *WAL) perform(f *inflight) error {\n\tw.acknowledge(f)\n\tf.waiters = nil\n" +
			"\ttime.Sleep(5 * time.Millisecond)\n",
		tests: []string{killTest, crashTest},
	}, {
		name: "a failure does not last", file: "flush.go", quick: true,
		old:   "\treturn w.sticky.err()\n}\n\n// failPending",
		new:   "\tw.sticky.cause.Store(nil)\n\treturn err\n}\n\n// failPending",
		tests: []string{faultTest},
	}, {
		name: "a failed write counts as done", file: "flush.go",
		old: "\tif err := f.write(); err != nil {\n\t\treturn f.complete(w.fail(\"write\", err))\n" +
			"\t}\n\tif err := w.zeroed",
		new: "\tif err := f.write(); err != nil {\n\t\treturn w.acknowledge(f)\n\t}\n" +
			"\tif err := w.zeroed",
		tests: []string{faultTest, "TestCommit_AFailureReachesEveryWaiterAndEveryLaterCall"},
	}, {
		name: "SYNCED although nothing was synced", file: "flush.go",
		old:   "f.enc.trailered, !w.unsynced)",
		new:   "f.enc.trailered, true)",
		tests: []string{"TestFlush_SyncedIsNotClaimedAfterAnUnsyncedSaveUntilASync"},
	}, {
		name: "a failed Marshal leaves half a save in the batch", file: "batch.go",
		old:   "\t\tif !whole {\n\t\t\tb.back(p)\n\t\t}",
		new:   "\t\tif !whole {\n\t\t\t_ = p\n\t\t}",
		tests: []string{"TestTypes_AMarshalThatFailsInTheMiddleOfASaveLeavesTheLogAsItWas"},
	}, {
		name: "gaps in the indexes are not refused", file: "edits.go",
		old:   "case i > last && i-last > 1:",
		new:   "case i > last && i-last > 1<<63:",
		tests: []string{"TestKnownBug_IndexGapIsAcceptedAtSave"},
	},

	// New segments.
	{
		name: "the old segment is not synced at a cut", file: "cut.go",
		old:   "if err := f.file.Sync(); err != nil {",
		new:   "if err := error(nil); err != nil {",
		tests: []string{powerTest, "TestCut_IsDurableStepByStep", crashTest},
	}, {
		name: "the new segment is not synced before it gets its name", file: "segment.go",
		old:   "if err := f.Sync(); err != nil {",
		new:   "if err := error(nil); err != nil {",
		tests: []string{powerTest, "TestCut_IsDurableStepByStep", crashTest},
	}, {
		name: "the directory is not synced after the rename", file: "segment.go",
		old:   "if err := d.Sync(); err != nil {",
		new:   "if err := error(nil); err != nil {",
		tests: []string{powerTest, "TestCut_IsDurableStepByStep", crashTest},
	}, {
		name: "the state is not carried into the next segment", file: "cut.go",
		old:   "state: w.appended.state,",
		new:   "state: nil,",
		tests: []string{"TestKnownBug_StateLostByCutAndPurge"},
	}, {
		name: "a segment's name has the wrong index", file: "cut.go",
		old:   "w.appended.last + 1}",
		new:   "w.appended.last + 2}",
		tests: []string{rotTest, powerTest},
	}, {
		name: "a leftover file is taken as it is", file: "file_pipeline.go",
		old: "if err = f.Truncate(0); err == nil && p.reserve {",
		new: "if p.reserve {",
		tests: []string{"TestKnownBug_LeftoverTmpHasOldBytes",
			"TestFilePipeline_APreparedFileIsLockedAndZeroWhateverWasInIt"},
	}, {
		name: "the parent of a new log's directory is not synced", file: "create.go",
		old:   "err = vfs.SyncParent(w.opts.fs, d.Path())",
		new:   "err = nil",
		tests: []string{"TestKnownBug_CreateDeletesFilesOrDoesNotSync", crashTest},
	},

	// Endings.
	{
		name: "the newest segment is purged first", file: "release.go", quick: true,
		old: "\tfor _, n := range names {\n\t\tif n.seq >= first {\n\t\t\tbreak\n\t\t}",
		new: "\tfor i := range names {\n\t\tn := names[len(names)-1-i]\n\t\tif n.seq >= first {\n" +
			"\t\t\tcontinue\n\t\t}",
		tests: []string{crashTest, faultTest},
	}, {
		name: "a purge does not sync the directory after each segment", file: "release.go",
		old:   "\t\tif err := w.dir.Sync(); err != nil {\n\t\t\treturn removed,",
		new:   "\t\tif err := error(nil); err != nil {\n\t\t\treturn removed,",
		tests: []string{crashTest},
	}, {
		name: "one segment too many is released", file: "release.go",
		old:   "return int(seq - first)",
		new:   "return int(min(seq+1, last) - first)",
		tests: []string{"TestRelease_AndPurgeKeepWhatAnOpenAtTheSnapshotNeeds"},
	}, {
		name: "Close does not sync", file: "close.go",
		old:   "\tif w.unsynced {\n",
		new:   "\tif w.unsynced && w.lg == nil {\n",
		tests: []string{"TestKnownBug_CloseLosesWhatWasNotSynced"},
	}, {
		name: "Close does not wait for who writes", file: "close.go",
		old: "\terr := w.quiesce()\n",
		new: "\terr := w.sticky.err()\n",
		tests: []string{"TestCommit_CloseWhileSavesWait",
			"TestConcurrency_AllAtOnceAndThenSeveralCloses"},
	}, {
		name: "CLOSED stands in the block of the last save", file: "close.go",
		old:   "\tif e.end() < border {",
		new:   "\tif e.end() < border && w.lg == nil {",
		tests: []string{rotTest, "TestRandomDamage_ToAClosedLogIsSeen"},
	}, {
		name: "an open log is not locked", file: "internal/vfs/dir_at.go",
		old:   "switch err := tryLock(f); {",
		new:   "switch err := error(nil); {",
		tests: []string{"TestBadInput_TwoProcesses", "TestConcurrency_AllAtOnceAndThenSeveralCloses"},
	},

	// Reading.
	{
		name: "a trailer's check is not checked", file: "internal/frame/frame.go", quick: true,
		old:   "control) != uint32(trailer) {",
		new:   "control) != uint32(trailer) && n < 0 {",
		tests: []string{rotTest},
	}, {
		name: "the chain is not checked", file: "decoder.go",
		old: "if crc != f.Crc {",
		new: "if crc != f.Crc && d.off < 0 {",
		tests: []string{rotTest, "TestBitRot_InEtcdFormat",
			"TestRandomDamage_InEtcdFormatNeverMakesUpEntries"},
	}, {
		name: "COMMIT is ignored", file: "internal/frame/frame.go",
		old:   "return !f.HasTrailer || f.Flags&FlagCommit != 0",
		new:   "return true",
		tests: []string{tornTest, crashTest},
	}, {
		name: "truncations are ignored at replay", file: "replay.go",
		old:   "\tr.apply(x, s.name)\n",
		new:   "\tif x.typ != log.CrcType {\n\t\tr.apply(x, s.name)\n\t}\n",
		tests: []string{"TestTruncateBack_DropsForEver", killTest},
	}, {
		name: "states are ignored at replay", file: "replay.go",
		old:   "r.state = s.state\n",
		new:   "_ = s.state\n",
		tests: []string{modelTest, killTest},
	}, {
		name: "an overwrite drops nothing behind it", file: "contents.go",
		old:   "c.last, c.anchored = x.next-1, true\n",
		new:   "c.last, c.anchored = max(c.last, x.next-1), true\n",
		tests: []string{"TestKnownBug_OverwriteBelowTheSnapshotBringsEntriesBack"},
	}, {
		name: "a name that does not follow goes unseen", file: "replay.go",
		old:   "|| !r.anchored || s.name.before() == r.last",
		new:   "|| !r.anchored || s.name.before() <= ^uint64(0)",
		tests: []string{"TestMisplaced_SegmentsThatEndEarly"},
	},

	// The end of the log, and healing it.
	{
		name: "a later SYNCED proves nothing", file: "internal/verdict/verdict.go", quick: true,
		old:   "if e.SyncedFollows() {",
		new:   "if e.SyncedFollows() && false {",
		tests: []string{tableTest, rotTest},
	}, {
		name: "a lost sector is corruption", file: "internal/verdict/verdict.go",
		old:   "case e.SectorLost():",
		new:   "case e.SectorLost() && false:",
		tests: []string{tornTest, tableTest, crashTest},
	}, {
		name: "a flipped bit is torn", file: "internal/verdict/verdict.go",
		old:   "return Finding{Corrupt, \"3'\"",
		new:   "return Finding{Torn, \"3'\"",
		tests: []string{"TestBitRot_InAnUnclosedLog", tableTest},
	}, {
		name: "a lost sector passes for a flipped bit", file: "rest.go",
		old:   "Sparsity() == o.Sparsity",
		new:   "Sparsity() <= 1<<16-1",
		tests: []string{"TestVerdict_ALostSectorIsNotTakenForAFlippedBit"},
	}, {
		name: "an iteration is not told of an overwrite", file: "contents.go",
		old:   "if i <= c.last && (c.replaced == 0 || i < c.replaced) {",
		new:   "if i == 0 {",
		tests: []string{"TestReaders_AnIterationEndsWhereTheLogWasReplaced"},
	}, {
		name: "a bit that a lost sector explains is corruption", file: "rest.go",
		old:   "if t.lostWith(bit) {",
		new:   "if t.lostWith(bit) && t.size < 0 {",
		tests: []string{tornTest, tableTest},
	}, {
		name: "healing zeroes the last save as well", file: "recover.go", quick: true,
		old:   "if _, err := f.WriteAt(b, off); err != nil &&",
		new:   "clear(b)\n\t\tif _, err := f.WriteAt(b, off); err != nil &&",
		tests: []string{tornTest, crashTest},
	}, {
		name: "healing does not write what was not synced", file: "recover.go",
		old:   "for off := end.synced; off < end.off; off += healChunk {",
		new:   "for off := end.off; off < end.off; off += healChunk {",
		tests: []string{"TestKnownBug_UnsyncedTailIsHandedOutAsDurable", faultTest},
	}, {
		name: "healing leaves what is torn", file: "recover.go",
		old:   "clearRange(f, n, end.off, end.dirty)",
		new:   "clearRange(f, n, end.dirty, end.dirty)",
		tests: []string{tornTest},
	}, {
		name: "a caller that saves again and again overtakes a close", file: "leader.go",
		old:   "if l.taken || l.exclusiveWaiters > 0 {",
		new:   "if l.taken {",
		tests: []string{"TestCommit_NobodyOvertakesWhoWaitsForTheLog"},
	}, {
		name: "an open that fails at healing leaves its files open", file: "open.go",
		old:   "if err := w.recover(ld); err != nil {\n",
		new:   "opened = true\n\tif err := w.recover(ld); err != nil {\n",
		tests: []string{faultTest},
	}, {
		name: "healing does not sync", file: "recover.go",
		old:   "if err := f.Sync(); err != nil {",
		new:   "if err := error(nil); err != nil {",
		tests: []string{"TestKnownBug_UnsyncedTailIsHandedOutAsDurable", crashTest},
	},

	// Against etcd's own code.
	{
		name: "a segment of etcd's format is named otherwise", file: "cut.go", module: "interop",
		old:   "w.appended.last + 1}",
		new:   "w.appended.last + 2}",
		tests: []string{"TestTheSameCallsGiveTheSameSegments"},
	}, {
		name: "etcd's format gets the trailer", file: "encoder.go", module: "interop",
		old: "e.at, e.crc, e.trailered, e.flags = p, crc, trailered, 0",
		new: "e.at, e.crc, e.trailered, e.flags = p, crc, true, 0",
		tests: []string{"TestTheSameCallsGiveTheSameBytesUpToTheFirstCut",
			"TestTheReferenceVectorIsWhatBothWrite"},
	},
}
