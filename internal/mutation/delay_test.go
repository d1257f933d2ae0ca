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
	})
}
