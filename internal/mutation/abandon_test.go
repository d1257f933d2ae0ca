package mutation

func init() {
	table = append(table, []mutation{
		{
			name: "Abandon keeps the locks", file: "close.go",
			old:   "\tcloseAll(w.segments)\n",
			new:   "",
			tests: []string{"TestAbandon_LeavesTheFilesAsTheyWere", modelTest},
		}, {
			name: "Abandon removes the file that is being prepared", file: "close.go",
			old:   "w.pipeline.abandon()",
			new:   "w.pipeline.close()",
			tests: []string{"TestAbandon_LeavesTheFilesAsTheyWere"},
		},
	}...)
}
