package mutation

func init() {
	const (
		module = "etcdraft"
		crash  = "TestStorage_CrashAtEveryMoment"
	)
	rows := []mutation{
		{
			name: "a snapshot is recorded before its data is durable", file: "etcdraft/snapshot.go",
			old: "\tif err := s.snaps.Create(m, write); err != nil {\n\t\treturn err\n\t}\n" +
				"\tif err := s.record(m); err != nil {",
			new: "\tif err := s.record(m); err != nil {\n\t\treturn err\n\t}\n" +
				"\tif err := s.snaps.Create(m, write); err != nil {",
			tests: []string{crash},
		}, {
			name: "a received snapshot is only recorded", file: "etcdraft/save.go",
			old:   "err = s.w.Restore(rec, st, records)",
			new:   "if err = s.w.SaveSnap(rec); err == nil {\n\t\t\terr = s.w.Save(st, records)\n\t\t}",
			tests: []string{crash},
		}, {
			name: "a received snapshot's data comes after its record", file: "etcdraft/save.go",
			old: "\tif err := s.receive(m, r.received.GetData()); err != nil {\n\t\treturn nil, err\n" +
				"\t}\n",
			new:   "\tdefer s.receive(m, r.received.GetData())\n",
			tests: []string{crash},
		}, {
			name: "the commit index stays below a received snapshot", file: "etcdraft/save.go",
			old:   "hard.Commit, hard.Term = max(hard.Commit, m.Index), max(hard.Term, m.Term)",
			new:   "_ = hard",
			tests: []string{"TestSave_AReceivedSnapshotIsCommitted"},
		}, {
			name: "an older snapshot replaces a newer one", file: "etcdraft/save.go",
			old:   "if s.newest() >= m.Index {",
			new:   "if false {",
			tests: []string{"TestSave_AReceivedSnapshotNeedsItsData"},
		}, {
			name: "a lost log is made anew", file: "etcdraft/open.go",
			old:   "if err == nil && len(all) > 0 {",
			new:   "if false {",
			tests: []string{"TestOpen_RefusesALogThatWasLost"},
		}, {
			name: "members that were not given are none", file: "etcdraft/snapshot.go",
			old:   "if cs == nil {",
			new:   "if false {",
			tests: []string{"TestCreateSnapshot_KeepsTheMembersThatHaveNotChanged"},
		}, {
			name: "terms may sink along a log", file: "etcdraft/save.go",
			old:   "e.GetTerm() < term {",
			new:   "false {",
			tests: []string{"TestSave_RefusesEntriesThatAreNoLog"},
		}, {
			name: "a hard state is never synced", file: "etcdraft/state.go",
			old:   "MustSync(log.HardState) bool { return s.sync }",
			new:   "MustSync(log.HardState) bool { return false }",
			tests: []string{"TestAppend_SyncsOnlyWhatWasPromised"},
		}, {
			name: "every hard state is synced", file: "etcdraft/state.go",
			old:   "MustSync(log.HardState) bool { return s.sync }",
			new:   "MustSync(log.HardState) bool { return true }",
			tests: []string{"TestSave_SyncsIfRaftSaysSo"},
		}, {
			name: "entries are read before the save that replaces them", file: "etcdraft/read.go",
			old:   "\tif r.after != nil {\n",
			new:   "\tif false {\n",
			tests: []string{"TestEntries_OfASaveOnItsWayAreTheNewOnes"},
		}, {
			name: "only the last save on its way is awaited", file: "etcdraft/save.go",
			old:   "return flight{p, min(f.low, first)}",
			new:   "return flight{p, first}",
			tests: []string{"TestEntries_OfSavesOnTheirWayAreTheNewOnes"},
		}, {
			name: "the log is read while a save replaces it", file: "etcdraft/save.go",
			old:   "\t\ts.replacing.Lock()\n\t\tdefer s.replacing.Unlock()\n\t}\n",
			new:   "\t}\n",
			tests: []string{"TestEntries_NeverMixTwoLogsBesideOverwrites"},
		}, {
			name: "the tail keeps what was replaced", file: "etcdraft/tail.go",
			old:   "\tcase i < t.next:\n",
			new:   "\tcase i < t.next && len(ents) > 1:\n",
			tests: []string{"TestTail_HandsOutWhatNeverChanges"},
		}, {
			name: "the tail's array holds on to what was dropped", file: "etcdraft/tail.go",
			old:   "t.ents = t.ents[n:]; t.gone > t.limit {",
			new:   "t.ents = t.ents[n:]; false {",
			tests: []string{"TestTail_HoldsNoMoreThanTwiceItsLimit"},
		}, {
			name: "entries that are compacted are saved again", file: "etcdraft/save.go",
			old:   "r.ents[0].GetIndex() <= dummy {",
			new:   "r.ents[0].GetIndex() < min(dummy, 0) {",
			tests: []string{"TestSave_PassesOverWhatIsCompacted"},
		}, {
			name: "the tail writes over what it handed out", file: "etcdraft/tail.go",
			old:   "t.ents, t.gone = t.ents[:keep:keep], 0",
			new:   "t.ents, t.gone = t.ents[:keep], 0",
			tests: []string{"TestTail_HandsOutWhatNeverChanges"},
		}, {
			name: "slices handed out have room behind them", file: "etcdraft/tail.go",
			old:   "return t.ents[lo-first : hi-first : hi-first]",
			new:   "return t.ents[lo-first : hi-first]",
			tests: []string{"TestStorage_Conforms"},
		}, {
			name: "terms of replaced entries stay", file: "etcdraft/terms.go",
			old:   "for n > 1 && t.ranges[n-1].first >= i {",
			new:   "for n > 1 && t.ranges[n-1].first > i {",
			tests: []string{"TestTerms_AreThoseOfEveryEntry"},
		}, {
			name: "more is compacted than a snapshot has", file: "etcdraft/snapshot.go",
			old:   "case index > newest:",
			new:   "case false:",
			tests: []string{"TestCompact_OnlyWhatASnapshotHas"},
		}, {
			name: "the entry whose term is asked is dropped", file: "etcdraft/snapshot.go",
			old:   "s.w.Compact(index - 1)",
			new:   "s.w.Compact(index)",
			tests: []string{"TestOpen_KeepsEntriesForFollowersThatLag"},
		}, {
			name: "commit is not raised when a node starts", file: "etcdraft/load.go",
			old:   "s.hard.Commit, s.hard.Term = max(s.hard.Commit, m.Index), max(s.hard.Term, m.Term)",
			new:   "_ = m",
			tests: []string{"TestOpen_RaisesCommitAndTermToTheSnapshot"},
		}, {
			name: "the first members are not restored", file: "etcdraft/load.go",
			old:   "s.w.Restore(toRecord(m), &savedState{hard, true}, nil)",
			new:   "s.w.SaveState(&savedState{hard, true})",
			tests: []string{"TestOpen_BootstrapOutlastsACrashAtAnyMoment"},
		}, {
			name: "a node starts without its snapshot", file: "etcdraft/load.go",
			old:   "\tif m.Index == 0 {\n\t\treturn nil\n\t}\n\tr, err",
			new:   "\tif m.Index < 1<<60 {\n\t\treturn nil\n\t}\n\tr, err",
			tests: []string{"TestOpen_MissesTheNewestSnapshotsData"},
		}, {
			name: "responses are delivered before their save is durable", file: "etcdraft/run.go",
			old:   "if err := f.pending.Wait(); err != nil {",
			new:   "if err := f.pending.Err(); err != nil {",
			tests: []string{"TestRun_DeliversOnlyWhatIsDurable"},
		}, {
			name: "Run goes on behind a failed save", file: "etcdraft/run.go",
			old:   "\t\t\tr.err = err\n\t\t\treturn\n",
			new:   "\t\t\tr.err = err\n\t\t\tcontinue\n",
			tests: []string{"TestRun_EndsWithTheErrorOfASave"},
		},
	}
	for _, r := range rows {
		r.module = module
		table = append(table, r)
	}
}

func init() {
	const (
		module = "etcdraft/snap"
		crash  = "TestCreate_CrashAtEveryMoment"
		damage = "TestReader_HandsOutNothingThatIsDamaged"
	)
	rows := []mutation{
		{
			name: "a snapshot's file is not synced", file: "etcdraft/snap/dir.go",
			old:   "if err := f.Sync(); err != nil {",
			new:   "if err := error(nil); err != nil {",
			tests: []string{crash},
		}, {
			name: "a snapshot's name is not synced", file: "etcdraft/snap/dir.go",
			old:   "\tif err := d.dir.Sync(); err != nil {\n\t\treturn err\n\t}\n",
			new:   "",
			tests: []string{crash},
		}, {
			name: "a panic leaves half a snapshot", file: "etcdraft/snap/dir.go",
			old:   "\t\tif !named {\n",
			new:   "\t\tif !named && err != nil {\n",
			tests: []string{"TestCreate_AFailedOneLeavesNoTrace"},
		}, {
			name: "Has takes a name for durable", file: "etcdraft/snap/dir.go",
			old:   "\tif err := d.dir.Sync(); err != nil {\n\t\treturn fmt.Errorf(\"snap: %w\", err)\n\t}\n",
			new:   "",
			tests: []string{"TestHas_MakesDurableWhatAKilledProcessLeft"},
		}, {
			name: "the newest snapshot is purged", file: "etcdraft/snap/dir.go",
			old:   "if i.index < index {",
			new:   "if i.index <= index {",
			tests: []string{"TestList_OnlySnapshotsTheNewestFirst"},
		}, {
			name: "a name vouches for what is in the file", file: "etcdraft/snap/dir.go",
			old:   "if err == nil && (id{r.meta.Index, r.meta.Term}) != i {",
			new:   "if false {",
			tests: []string{"TestReader_RefusesAnotherSnapshot"},
		}, {
			name: "a snapshot's checksum is not compared", file: "etcdraft/snap/file.go",
			old:   "case r.crc != binary.LittleEndian.Uint32(head[4:]):",
			new:   "case false:",
			tests: []string{damage},
		}, {
			name: "a snapshot that is cut off is whole", file: "etcdraft/snap/file.go",
			old:   "r.err = cut(err)\n\t\treturn\n\t}\n\tn :=",
			new:   "r.err = err\n\t\treturn\n\t}\n\tn :=",
			tests: []string{damage},
		}, {
			name: "the length of a chunk is believed", file: "etcdraft/snap/file.go",
			old:   "if n > chunkSize {",
			new:   "if n > 1<<30 {",
			tests: []string{"TestPut_BelievesNoLength"},
		},
	}
	for _, r := range rows {
		r.module = module
		table = append(table, r)
	}
}

// The cluster finds what a node's Storage does wrong, whoever notices it.
func init() {
	const (
		module  = "etcdraft/internal/simulate"
		cluster = "TestCluster_KeepsWhatRaftPromises"
	)
	rows := []mutation{
		{
			name: "in a cluster, a snapshot is committed before it is there", file: "etcdraft/save.go",
			old: "\t\terr = s.w.Restore(rec, st, records)\n",
			new: "\t\tif err = s.w.SaveState(st); err == nil {\n" +
				"\t\t\terr = s.w.Restore(rec, st, records)\n\t\t}\n",
			tests: []string{cluster},
		}, {
			name: "in a cluster, nothing is synced", file: "etcdraft/open.go",
			old:   "wal.WithRegistry(registry))",
			new:   "wal.WithRegistry(registry), wal.WithNoSync())",
			tests: []string{cluster},
		}, {
			name: "in a cluster, votes are not synced", file: "etcdraft/state.go",
			old:   "MustSync(log.HardState) bool { return s.sync }",
			new:   "MustSync(log.HardState) bool { return false }",
			tests: []string{cluster},
		}, {
			name: "in a cluster, a received snapshot is only recorded", file: "etcdraft/save.go",
			old: "\t\tp, err = s.w.AppendRestore(rec, st, records)\n\t} else {\n" +
				"\t\terr = s.w.Restore(rec, st, records)\n",
			new: "\t\tp, err = s.w.AppendRestore(rec, st, records)\n" +
				"\t} else if err = s.w.SaveSnap(rec); err == nil {\n\t\terr = s.w.Save(st, records)\n",
			tests: []string{cluster},
		}, {
			name: "in a cluster, the tail keeps what was replaced", file: "etcdraft/tail.go",
			old:   "\tcase i < t.next:\n",
			new:   "\tcase i < t.next:\n\t\treturn\n\tcase false:\n",
			tests: []string{cluster},
		}, {
			name: "in a cluster, terms of replaced entries stay", file: "etcdraft/terms.go",
			old:   "for n > 1 && t.ranges[n-1].first >= i {",
			new:   "for false {",
			tests: []string{cluster},
		}, {
			name: "in a cluster, snapshots are recorded early", file: "etcdraft/snapshot.go",
			old: "\tif err := s.snaps.Create(m, write); err != nil {\n\t\treturn err\n\t}\n" +
				"\tif err := s.record(m); err != nil {",
			new: "\tif err := s.record(m); err != nil {\n\t\treturn err\n\t}\n" +
				"\tif err := s.snaps.Create(m, write); err != nil {",
			tests: []string{cluster},
		}, {
			name: "in a cluster, the file of a snapshot is not synced", file: "etcdraft/snap/dir.go",
			old:   "if err := f.Sync(); err != nil {",
			new:   "if err := error(nil); err != nil {",
			tests: []string{cluster},
		}, {
			name: "in a cluster, commit is not raised when a node starts", file: "etcdraft/load.go",
			old:   "s.hard.Commit, s.hard.Term = max(s.hard.Commit, m.Index), max(s.hard.Term, m.Term)",
			new:   "_ = m",
			tests: []string{cluster},
		}, {
			name: "in a cluster, a snapshot comes without entries", file: "etcdraft/save.go",
			old:   "rec, st, records := toRecord(m), &savedState{hard, true}, s.recordsOf(r.ents)",
			new:   "rec, st, records := toRecord(m), &savedState{hard, true}, s.recordsOf(nil)",
			tests: []string{cluster},
		},
	}
	for _, r := range rows {
		r.module = module
		table = append(table, r)
	}
}
