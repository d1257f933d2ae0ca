package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A process that has these variables in its environment is a child that opens a log.
const (
	envContender = "WAL_BENCH_CONTENDER"
	envDir       = "WAL_BENCH_DIR"
	envTask      = "WAL_BENCH_TASK"
)

// These are the tasks of a child.
const (
	taskReadAll = "read all"
	taskStream  = "stream"
	taskOpen    = "open"
)

// childLimit is how long a child may take. It is far more than any child needs.
const childLimit = 5 * time.Minute

// replayed is what a child reports.
type replayed struct {
	tally             // of an open, only the entries are known
	Seconds   float64 `json:"seconds"`
	PeakBytes int64   `json:"peak_bytes"`
}

func (b *bench) runReplayAll(w workload, c contender) (sample, error) {
	return b.replay(w, c, taskReadAll)
}
func (b *bench) runStream(w workload, c contender) (sample, error) {
	return b.replay(w, c, taskStream)
}

// replay reads a contender's log in a child, so the memory of the process is that of the replay.
func (b *bench) replay(w workload, c contender, task string) (sample, error) {
	r, err := b.child(w, c, task)
	if err != nil {
		return nil, err
	}
	if want := (tally{b.entries(w), b.dataBytes(w)}); r.tally != want {
		return nil, fmt.Errorf("read %+v where %+v was written", r.tally, want)
	}
	return sample{metricEntries: float64(r.Entries) / r.Seconds,
		metricPeak: float64(r.PeakBytes) / 1e6}, nil
}

// runOpen opens a contender's log in a child.
func (b *bench) runOpen(w workload, c contender) (sample, error) {
	r, err := b.child(w, c, taskOpen)
	if err != nil {
		return nil, err
	}
	if want := b.entries(w); r.Entries != want {
		return nil, fmt.Errorf("%d entries where %d were written", r.Entries, want)
	}
	files, err := os.ReadDir(b.logs[b.keyOf(w, c)])
	if err != nil {
		return nil, err
	}
	return sample{
		metricOpen:  r.Seconds / (float64(b.dataBytes(w)) / 1e9),
		metricFiles: float64(len(files)),
		metricPeak:  float64(r.PeakBytes) / 1e6,
	}, nil
}

// child runs a task on a contender's log in a process of its own.
func (b *bench) child(w workload, c contender, task string) (r replayed, err error) {
	dir, err := b.written(w, c)
	if err != nil {
		return r, err
	}
	exe, err := os.Executable()
	if err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), childLimit)
	defer cancel()
	child := exec.CommandContext(ctx, exe)
	child.Env = append(os.Environ(), envContender+"="+c.name, envDir+"="+dir, envTask+"="+task)
	child.Stderr = b.progress
	out, err := child.Output()
	if err != nil {
		return r, fmt.Errorf("child: %w", err)
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return r, fmt.Errorf("child wrote %q: %w", out, err)
	}
	return r, nil
}

// entries returns how many entries a log has that is written once. It is a multiple of the batch.
func (b *bench) entries(w workload) int {
	return b.budget.entries / max(w.config.fewer, 1) / w.config.batch * w.config.batch
}

// dataBytes returns how many bytes of data a log has that is written once.
func (b *bench) dataBytes(w workload) int64 { return int64(b.entries(w)) * int64(w.config.size) }

func (b *bench) keyOf(w workload, c contender) logKey { return logKey{c.module, w.config} }

// written returns the directory of a contender's log that is written once and read in every round.
func (b *bench) written(w workload, c contender) (string, error) {
	if dir, ok := b.logs[b.keyOf(w, c)]; ok {
		return dir, nil
	}
	b.runs++
	dir := filepath.Join(b.dir, fmt.Sprintf("log-%d", b.runs))
	st, err := c.open(dir, b.configOf(w))
	if err != nil {
		return "", err
	}
	save := st.writer()
	for range b.entries(w) / w.config.batch {
		if err := save(); err != nil {
			return "", errors.Join(err, st.close())
		}
	}
	if err := st.close(); err != nil {
		return "", err
	}
	b.logs[b.keyOf(w, c)] = dir
	return dir, settle(b.dir)
}

// asChild is the main function of a child. It reports whether this process is one.
func asChild() (bool, error) {
	name, ok := os.LookupEnv(envContender)
	if !ok {
		return false, nil
	}
	c, err := (&bench{all: contenders()}).contender(name)
	if err != nil {
		return true, err
	}
	var r replayed
	began := time.Now()
	switch dir, task := os.Getenv(envDir), os.Getenv(envTask); task {
	case taskOpen:
		r.Entries, err = c.reopen(dir)
	default:
		r.tally, err = c.replay(dir, task == taskReadAll)
	}
	r.Seconds = time.Since(began).Seconds()
	if err == nil {
		r.PeakBytes, err = peakMemory()
	}
	if err != nil {
		return true, err
	}
	return true, json.NewEncoder(os.Stdout).Encode(r)
}
