package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A process with these in its environment is a child that replays a log.
const (
	envReplay = "WAL_BENCH_REPLAY" // the contender's name
	envDir    = "WAL_BENCH_DIR"
	envKeep   = "WAL_BENCH_KEEP" // "yes": keep the entries in memory
)

// childLimit is how long a child may take: far longer than any does.
const childLimit = 5 * time.Minute

// replayed is what a child reports.
type replayed struct {
	tally
	Seconds   float64 `json:"seconds"`
	PeakBytes int64   `json:"peak_bytes"`
}

func (b *bench) runReplayAll(w workload, c contender) (sample, error) { return b.replay(w, c, "yes") }
func (b *bench) runStream(w workload, c contender) (sample, error)    { return b.replay(w, c, "no") }

// replay reads a contender's log in a child, whose memory is that of the replay.
func (b *bench) replay(w workload, c contender, keep string) (sample, error) {
	dir, err := b.written(w, c)
	if err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), childLimit)
	defer cancel()
	child := exec.CommandContext(ctx, exe)
	child.Env = append(os.Environ(), envReplay+"="+c.name, envDir+"="+dir, envKeep+"="+keep)
	child.Stderr = b.progress
	out, err := child.Output()
	if err != nil {
		return nil, fmt.Errorf("child: %w", err)
	}
	var r replayed
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, fmt.Errorf("child wrote %q: %w", out, err)
	}
	want := tally{b.entries(w), int64(b.entries(w) * w.config.size)}
	if r.tally != want {
		return nil, fmt.Errorf("read %+v where %+v was written", r.tally, want)
	}
	return sample{metricEntries: float64(r.Entries) / r.Seconds, metricPeak: float64(r.PeakBytes) / 1e6}, nil
}

// entries is how many entries there are to replay: whole batches.
func (b *bench) entries(w workload) int { return b.budget.entries / w.config.batch * w.config.batch }

// written returns the directory of a contender's log with the entries to
// replay. It is written once, and read by every round.
func (b *bench) written(w workload, c contender) (string, error) {
	if dir, ok := b.replaying[c.name]; ok {
		return dir, nil
	}
	dir := filepath.Join(b.dir, "replay-"+strings.ReplaceAll(c.name, "/", "-"))
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
	b.replaying[c.name] = dir
	return dir, settle(b.dir)
}

// replayChild is the main function of a child. It tells whether this process is one.
func replayChild() (bool, error) {
	name, ok := os.LookupEnv(envReplay)
	if !ok {
		return false, nil
	}
	c, err := (&bench{all: contenders()}).contender(name)
	if err != nil {
		return true, err
	}
	began := time.Now()
	t, err := c.replay(os.Getenv(envDir), os.Getenv(envKeep) == "yes")
	if err != nil {
		return true, err
	}
	r := replayed{tally: t, Seconds: time.Since(began).Seconds()}
	if r.PeakBytes, err = peakMemory(); err != nil {
		return true, err
	}
	return true, json.NewEncoder(os.Stdout).Encode(r)
}
