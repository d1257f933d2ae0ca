package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// reading explains how to read the figures.
const reading = `
Everything was measured in one run of one command, interleaved: in each round every contender has
its turn, every other round in the opposite order. A figure is the median of the rounds, beside it
the lowest and the highest round. A ratio is the median of the ratios of each round, so a slow
minute of the machine does not count against anybody; it can differ a little from the quotient of
the two medians. The ratios are to etcd's wal (1.00) and to the floor, which is not a log but what a
log can hardly beat.

What was made equal, and what was not:

- Every run that saves has a fresh log in a fresh directory, on a file system that was synced
  before. Opening it and the first tenth of the saves are left out for all alike, and at least 0.7
  s of durable ones, 1.3 s under a limit: this library has tried by then whether zeros ahead pay,
  and what a limit allows at first is used up. The log is a young one for all alike. So what a log
  gains from files that it has used before (pebble takes its old log files again) is not in the
  figures, nor is what a large log loses (bbolt).
- A log that is only read is written once, by the contender itself, and read by every round.
- Segments have 64 MiB for everybody, except where they are what is measured.
- Data is random bytes, the same for all. Logs whose entries have an index and a term get them; some
  store bytes only, and write less.
- Durable means that the log's own sync has returned. Some call fsync and some fdatasync.
- A floor writes each entry's data and 40 bytes more, about what a frame of this library takes, in
  multiples of eight. A log that stores less with an entry may come out ahead of it by a hair.
- Saves are timed one by one, to 1/64 of their time. Where they are not durable when they return,
  the timed saves are others than the counted ones, because reading the clock takes a part of them.
  In a run of fewer than 1,000 saves, the p99.9 is the slowest one. A call of a floor that stands
  for several writers is timed as one save.
- Disk writes and the KB written are what the kernel gave the disk during the measured saves, in the
  name of this program: records, zeros written ahead and what the file system does in a sync; a
  flush of the disk's cache counts as a write. What the kernel writes later on its own, or in a
  thread of the file system's journal, is in nobody's count, and is not limited either.
- Building a batch, where a log has such a thing, is part of the save.
- With many writers pebble gives the order itself, rosedb's wal has none, and this library decides
  it in Append, under the callers' lock; all others keep that lock until the save is durable, as
  their order demands.
- Go's garbage collector runs as it does by default. All that is garbage is collected before every
  run.
- The processor is shared by the writers and by what a log does in the background.
- etcd's figures belong to its version: those of 3.6 and 3.7 differ, for they marshal with different
  protobuf runtimes.
`

// markdown returns the report.
func (r result) markdown() string {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\nThis library beside its peers. Written by the program in " +
		"`bench/`; do not edit.\n\n")
	fmt.Fprintf(&b, "Measured on %s with `%s`.\n\n", r.Date, r.Command)
	b.WriteString(r.Machine.words())
	if r.Counters != "" {
		fmt.Fprintf(&b, "- writes of the disk: %s\n", r.Counters)
	}
	b.WriteString("\nVersions:\n\n")
	for _, v := range r.Versions {
		fmt.Fprintf(&b, "- %s %s\n", v.Module, v.Version)
	}
	b.WriteString(reading + "\n")
	b.WriteString(r.summary())
	for _, w := range r.Workloads {
		if w.Absent != "" {
			fmt.Fprintf(&b, "## %s\n\nNot measured: %s.\n\n", w.Title, w.Absent)
			continue
		}
		fmt.Fprintf(&b, "## %s\n\n%s\n\n%s\n![%s](%s.svg)\n\n", w.Title, w.About, w.table(), w.Title,
			w.Name)
	}
	b.WriteString("## The contenders\n\n")
	for _, c := range contenders() {
		fmt.Fprintf(&b, "- **%s**: %s.\n", c.name, c.about)
	}
	b.WriteString("\nEvery sample is in [results.json](results.json).\n")
	return b.String()
}

// write puts the report, its plots and the samples into dir.
func (r result) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	samples, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	files := map[string]string{"README.md": r.markdown(), "results.json": string(samples) + "\n"}
	for _, w := range r.Workloads {
		if w.Absent == "" {
			files[w.Name+".svg"] = w.plot()
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
