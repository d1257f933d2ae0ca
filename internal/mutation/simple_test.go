package mutation

func init() {
	table = append(table, []mutation{
		{
			name: "SaveNext does not look whether the index was taken", file: "internal/codec/ask.go",
			old:   "if got := ent.GetIndex(); got != i {",
			new:   "if got := ent.GetIndex(); got == 0 && i == 0 {",
			tests: []string{"TestSaveNext_RefusesWhatHasNoIndexOfItsOwn"},
		}, {
			name: "OpenOrCreate takes a log of others", file: "create.go",
			old:   "metadata != nil && !bytes.Equal(got, metadata)",
			new:   "metadata == nil && !bytes.Equal(got, metadata)",
			tests: []string{"TestOpenOrCreate_RefusesALogOfOthers"},
		}, {
			name:   "what is left of a file in memory after a truncation comes back",
			file:   "internal/memfs/file.go",
			module: "internal/memfs",
			old:    "\t\tclear(n.data[old:]) // a truncation may have left bytes there\n",
			new:    "",
			tests:  []string{"TestMemoryDoesWhatADiskDoes"},
		}, {
			name: "a JSON record keeps what it held", file: "log/json.go", module: "log",
			old:   "\t*e = JSON[V]{index, value}\n",
			new:   "\te.Index = index\n\tif err == nil {\n\t\te.Value = value\n\t}\n",
			tests: []string{"TestJSONRefusesWhatIsNoRecordOfIts"},
		}, {
			name: "a JSON record that cannot be decoded is taken", file: "log/json.go", module: "log",
			old:   "len(data) >= deepJSON && ",
			new:   "len(data) < 0 && ",
			tests: []string{"TestJSONRefusesWhatItCouldNotDecode"},
		}, {
			name: "a trailered record without its length word passes for a plain one", file: "rest.go",
			old:   "t.agrees(&o) && !t.trailerWithoutWord(&o)",
			new:   "t.agrees(&o)",
			tests: []string{"TestTorn_ASaveThatLostItsFirstLengthWordIsWholeOrGone", tableTest},
		}, {
			name: "damage that a read meets concerns its entry only", file: "cursor.go",
			old:   "max(i, c.view.LastIndex())",
			new:   "i",
			tests: []string{"TestBitRot_InAnOpenLogThatIsRead"},
		},
	}...)
}
