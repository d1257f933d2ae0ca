package mutation

// These mutations break the rule that what is acknowledged can be read again.
func init() {
	table = append(table, mutation{
		name: "a type is not tried", file: "internal/codec/saved.go",
		old:   "\tif n&t.Passed == 0 || index > 0 && !t.indexed {",
		new:   "\tif n == 0 {",
		tests: []string{"TestTrial_WhatCannotBeReadBackIsRefusedWhenItIsSaved"},
	}, mutation{
		name: "a trial at index 0 counts", file: "internal/codec/saved.go",
		old:   "\tif n&t.Passed == 0 || index > 0 && !t.indexed {",
		new:   "\tif n&t.Passed == 0 {",
		tests: []string{"TestTrial_AnIndexOfZeroIsNone"},
	}, mutation{
		name: "a type is tried once for all its records", file: "internal/codec/saved.go",
		old:   "\tif n&t.Passed == 0 || index > 0 && !t.indexed {",
		new:   "\tif n == 1 || index > 0 && !t.indexed {",
		tests: []string{"TestTrial_LaterRecordsOfATypeAreTriedToo"},
	}, mutation{
		name: "a type that failed its trial is trusted the next time", file: "internal/codec/saved.go",
		old: "\t\tif err := s.try(t, rec, data, index); err != nil {\n",
		new: "\t\tif err := s.try(t, rec, data, index); err != nil {\n" +
			"\t\t\tt.Passed, t.indexed = n+1, true\n",
		tests: []string{"TestTrial_WhatCannotBeReadBackIsRefusedWhenItIsSaved"},
	}, mutation{
		name: "an entry's index is not compared where that is cheap", file: "internal/codec/saved.go",
		old:   "\t} else if t.peeked {",
		new:   "\t} else if t.peeked && n == 0 {",
		tests: []string{"TestTrial_TheIndexOfEveryEntryIsCheckedWhereThatIsCheap"},
	}, mutation{
		name: "a snapshot's term is not compared", file: "internal/codec/saved.go",
		old:   "!m.Is(IDOf(rec.(log.Snapshot)))",
		new:   "false",
		tests: []string{"TestTrial_WhatCannotBeReadBackIsRefusedWhenItIsSaved"},
	}, mutation{
		name: "a state that cannot be decoded is empty", file: "reader.go",
		old:   "\t\treturn nil // an empty one",
		new:   "\t\treturn v.registry.NewState() // an empty one",
		tests: []string{"TestTrial_AStateThatCannotBeDecodedIsNilAndNeverEmpty"},
	}, mutation{
		name: "a state is not reset before it is decoded into", file: "internal/codec/decode.go",
		old:   "\tst.Reset()\n",
		new:   "",
		tests: []string{"TestTrial_AStateIsResetBeforeItIsDecodedIntoOrHandedOut"},
	}, mutation{
		name: "an entry that is read with index 0 counts as damage", file: "internal/codec/index.go",
		old:   "\tif err == nil && i == 0 {\n\t\terr = DecodeError(ent,",
		new:   "\tif err == nil && i == 0 && r.peek != nil {\n\t\terr = DecodeError(ent,",
		tests: []string{"TestTrial_AnEntryThatIsReadWithIndexZeroIsNoDamage"},
	})
}
