package mutation

// These mutations are in the calls of a user's types.
func init() {
	const wild = "TestCodec_AMethodOfAUsersTypeHurtsOnlyTheCallThatItIsPartOf"
	table = append(table, mutation{
		name: "a save that ends its goroutine keeps the writer's lock", file: "commit.go",
		old:   "\t\tif !added {\n\t\t\tw.unlock()",
		new:   "\t\tif !added && (done || err != nil) {\n\t\t\tw.unlock()",
		tests: []string{wild},
	}, mutation{
		name: "a save that ends its goroutine leaves half of it in the batch", file: "batch.go",
		old:   "\t\tif !whole {\n\t\t\tb.back(p)",
		new:   "\t\tif !whole && err != nil {\n\t\t\tb.back(p)",
		tests: []string{wild},
	}, mutation{
		name: "a decoder that ends a worker goes unseen", file: "internal/codec/guard.go",
		old:   "\t\tif !returned {\n",
		new:   "\t\tif false && !returned {\n",
		tests: []string{wild},
	}, mutation{
		name: "an open that ends its goroutine keeps the locks", file: "open.go",
		old:   "\t\tif !opened {\n",
		new:   "\t\tif false && !opened {\n",
		tests: []string{wild},
	}, mutation{
		name: "a panic of a user's type is not caught", file: "internal/codec/guard.go",
		old:   "\tif r := recover(); r != nil {\n\t\t*err = &PanicError",
		new:   "\tif r := any(nil); r != nil {\n\t\t*err = &PanicError",
		tests: []string{wild},
	}, mutation{
		name: "ReadAll asks for the state under the readers' lock", file: "readall.go",
		old: "\tstate := bytes.Clone(v.state)\n",
		new: "\tstate := bytes.Clone(v.state)\n" +
			"\tif _, _, err = codec.DecodeState(v.registry, state); err != nil {\n\t\tv.mu.Unlock()\n" +
			"\t\treturn nil, nil, nil, err\n\t}\n",
		tests: []string{wild},
	}, mutation{
		name: "a backup that ends its goroutine leaves its copy", file: "backup.go",
		old:   "\t\tif left {\n",
		new:   "\t\tif left && err != nil {\n",
		tests: []string{wild},
	}, mutation{
		name: "a record is not emptied before an entry is read into it", file: "internal/codec/into.go",
		old:   "\tdefer Guard(&err)\n\td.empty()\n",
		new:   "\tdefer Guard(&err)\n",
		tests: []string{"TestReadInto_ReadsWhatEntriesReads"},
	}, mutation{
		name: "what ReadEntry has read shares the reader's buffer", file: "readinto.go",
		old:   "decodeInto(&d, i, data, false)",
		new:   "decodeInto(&d, i, data, true)",
		tests: []string{"TestReadInto_ReadEntryCopies"},
	})
}
