package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// A bench runs workloads, in a directory of its own.
type bench struct {
	dir      string
	disk     *disk // that dir is on
	budget   budget
	rounds   int
	progress io.Writer
	all      []contender
	runs     int
	// logs holds the directories of the logs that are written once and read in every round.
	logs map[logKey]string
}

// logKey identifies a log that is written once. Workloads that need the same log share it, and so
// do contenders that read the log of one module in several ways.
type logKey struct {
	module string // "" stands for the floor for reading
	config config
}

// newBench returns a bench that runs in a new directory in dir, on the disk that open finds for it.
// close removes that directory.
func newBench(
	dir string, rounds int, b budget, progress io.Writer, open func(dir string) *disk,
) (*bench, error) {
	own, err := os.MkdirTemp(dir, "wal-bench-")
	if err != nil {
		return nil, err
	}
	return &bench{dir: own, disk: open(own), budget: b, rounds: rounds, progress: progress,
		all: contenders(), logs: map[logKey]string{}}, nil
}

func (b *bench) close() error { return errors.Join(b.disk.close(), os.RemoveAll(b.dir)) }

func (b *bench) contender(name string) (contender, error) {
	i := slices.IndexFunc(b.all, func(c contender) bool { return c.name == name })
	if i < 0 {
		return contender{}, fmt.Errorf("no contender %q", name)
	}
	return b.all[i], nil
}

// workload runs a workload, with all contenders interleaved: every round runs each of them once, so
// a slow minute of the machine affects all. Every other round runs them in the opposite order, so
// no contender always runs after the same one.
func (b *bench) workload(ctx context.Context, w workload) (workloadResult, error) {
	result := workloadResult{Name: w.name, Title: w.title, About: w.about, Metrics: w.metrics}
	if w.limit != (limit{}) && b.disk.group == nil {
		result.Absent = b.disk.why.Error()
		fmt.Fprintf(b.progress, "%s: skipped: %s\n", w.title, result.Absent)
		return result, nil
	}
	for _, name := range w.who {
		c, err := b.contender(name)
		if err != nil {
			return result, err
		}
		result.Rows = append(result.Rows, row{Contender: name, Floor: c.floor})
	}
	for round := range b.rounds {
		fmt.Fprintf(b.progress, "%s: round %d of %d\n", w.title, round+1, b.rounds)
		for i := range w.who {
			if round%2 == 1 {
				i = len(w.who) - 1 - i
			}
			if err := ctx.Err(); err != nil {
				return result, err
			}
			if err := b.into(&result.Rows[i], w); err != nil {
				return result, fmt.Errorf("%s: %s: %w", w.name, w.who[i], err)
			}
		}
	}
	return result, nil
}

// into makes one run and adds it to a row.
func (b *bench) into(r *row, w workload) error {
	if r.Absent != "" {
		return nil
	}
	c, err := b.contender(r.Contender)
	if err != nil {
		return err
	}
	runtime.GC() // garbage of the run before would change when this run collects its own
	s, err := w.run(b, w, c)
	if errors.Is(err, errUnsupported) {
		r.Absent = err.Error()
		return nil
	}
	if err == nil {
		r.Samples = append(r.Samples, s)
	}
	return err
}

// fresh calls f with the name of a directory that does not exist yet, on a file system that has
// nothing left to write. After f it removes the directory.
func (b *bench) fresh(f func(dir string) error) error {
	if err := settle(b.dir); err != nil {
		return err
	}
	b.runs++
	parent := filepath.Join(b.dir, fmt.Sprintf("run-%d", b.runs))
	if err := os.Mkdir(parent, 0o700); err != nil {
		return err
	}
	return errors.Join(f(filepath.Join(parent, "log")), os.RemoveAll(parent))
}

// forget removes the logs that no workload in toCome reads.
func (b *bench) forget(toCome []workload) error {
	for key, dir := range b.logs {
		if slices.ContainsFunc(toCome, func(w workload) bool { return w.config == key.config }) {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		delete(b.logs, key)
	}
	return nil
}

// configOf returns the configuration of a workload, completed with what the workload leaves to the
// bench.
func (b *bench) configOf(w workload) config {
	c := w.config
	c.ring = b.budget.ring
	if c.segment == 0 {
		c.segment = defaultSegment
	}
	return c
}
