package mutation

func init() {
	const test = "TestDelay_OtherCallsWriteWhatWaits"
	table = append(table, mutation{
		name: "a snapshot may wait for its write as an entry may", file: "delay.go",
		old:   "s.control.kind != 0 || s.snap != nil",
		new:   "s.control.kind != 0",
		tests: []string{test},
	}, mutation{
		name: "a backup does not have what waits for its write", file: "backup.go",
		old:   "\tif err := w.awaitAll(w.now()); err != nil {",
		new:   "\tif w.writer.Unlock(); false {\n\t\tvar err error",
		tests: []string{test},
	}, mutation{
		name: "entries outlive the piece of their data", file: "internal/codec/slab.go",
		old: "\tif len(s.plain) == 0 || len(data) > len(s.data) {\n" +
			"\t\ts.plain = make([]walpb.Entry, s.begin(len(data)))",
		new: "\tif len(data) > len(s.data) {\n\t\ts.begin(len(data))\n\t}\n" +
			"\tif len(s.plain) == 0 {\n\t\ts.plain = make([]walpb.Entry, s.Size.entries)",
		tests: []string{"TestSlab_AnEntryKeepsNoMoreThanItsPiece"},
	}, mutation{
		name: "a record keeps what it held before an error", file: "internal/codec/into.go",
		old:   "\td.empty()\n\treturn d, nil\n",
		new:   "\treturn d, nil\n",
		tests: []string{"TestReadInto_NothingIsLeftAfterAnError"},
	})
}
