package main

import (
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

// markdown returns the report.
func markdown(results []result, trials int, seed uint64) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# The same damages to this log and to others

Written by %s on %s with seed %d; do not edit. There are %d trials of each damage to each log,
spread over %d different logs of at least three segments of %d KiB, with batches of one to four
entries of up to 2 KiB of random data. A damaged log is opened as a program would after a restart, and
everything is read.

`, "`make durability`", time.Now().UTC().Format(time.DateOnly), seed, trials, logs, segmentSize>>10)
	for _, v := range versions() {
		fmt.Fprintf(&b, "- %s\n", v)
	}
	b.WriteString("\nThe logs:\n\n")
	for _, r := range results {
		fmt.Fprintf(&b, "- **%s**: %s\n", r.peer.name, r.peer.about)
	}
	b.WriteString("\n## Damage to acknowledged data\n\n" +
		"*All there* is right, and so is an *error*: the program can go to a replica or a backup. " +
		"What is *silently* fewer or wrong is lost without anybody knowing.\n\n")
	table(&b, results, true)
	b.WriteString("\n## A torn batch that was never acknowledged\n\n" +
		"A crash in the middle of a save of two to four entries of up to 4 KB: a part of its sectors " +
		"or blocks is not there. *All there* is right: what was acknowledged, " +
		"and perhaps more. An *error* means that the log does not open although nothing in it is " +
		"lost. Logs are copied while they are open.\n\n")
	table(&b, results, false)
	return b.String()
}

// table writes a table with a row for each damage and a column for each log.
func table(b *strings.Builder, results []result, acked bool) {
	head, line := "| |", "|---|"
	for _, r := range results {
		head += " " + r.peer.name + " |"
		line += "---|"
	}
	fmt.Fprintf(b, "%s\n%s\n", head, line)
	for i, d := range damages {
		if d.acked != acked {
			continue
		}
		fmt.Fprintf(b, "| %s |", d.name)
		for _, r := range results {
			cell := r.counts[i].String()
			if !acked && r.peer.name == "wal, closed" {
				cell = "–"
			}
			fmt.Fprintf(b, " %s |", cell)
		}
		b.WriteString("\n")
	}
}

// versions returns the versions of Go and of the modules that are compared.
func versions() []string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	list := []string{info.GoVersion}
	seen := map[string]bool{}
	for _, p := range peers() {
		for _, dep := range info.Deps {
			if dep.Path != p.module || seen[dep.Path] {
				continue
			}
			seen[dep.Path] = true
			v := dep.Version
			if dep.Replace != nil {
				v = "this tree"
			}
			list = append(list, dep.Path+" "+v)
		}
	}
	return list
}
