package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain makes the test binary usable as the child that opens logs.
func TestMain(m *testing.M) {
	isChild, err := asChild()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	case isChild:
		os.Exit(0)
	}
	// A child built with the race detector would otherwise wait a second before it exits.
	if os.Getenv("GORACE") == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0")
	}
	os.Exit(m.Run())
}

// smoke is a budget of a handful of saves.
var smoke = budget{duration: time.Minute, saves: 3, rollSaves: 20, entries: 2000, ring: 1 << 20}

// testDisk is openDisk if WAL_TEST_DISK is set. What is counted and limited then is a real disk,
// and what else uses it counts too.
func testDisk(dir string) *disk {
	if os.Getenv("WAL_TEST_DISK") == "" {
		return &disk{why: fmt.Errorf("%w: run it by make bench-disk", errUnsupported)}
	}
	return openDisk(dir)
}

// smokeBench returns a bench with that budget, which is closed when the test is over.
func smokeBench(t *testing.T) *bench {
	b, err := newBench(t.TempDir(), 1, smoke, io.Discard, testDisk)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.close()) })
	return b
}

func TestEveryContenderRunsEveryWorkload(t *testing.T) {
	b := smokeBench(t)
	for _, w := range workloads() {
		result, err := b.workload(context.Background(), w)
		require.NoError(t, err)
		if result.Absent != "" {
			require.NotEqual(t, limit{}, w.limit)
			continue // this machine limits no disk
		}
		require.Len(t, result.Rows, len(w.who))
		for _, r := range result.Rows {
			if slices.Contains([]string{nameDirect, nameReserved}, r.Contender) && r.Absent != "" {
				continue // the file system cannot do that
			}
			require.Empty(t, r.Absent, r.Contender)
			require.Len(t, r.Samples, 1, "%s: %s", w.name, r.Contender)
			for _, m := range w.metrics {
				if !slices.Contains([]string{metricPeak, metricWrites, metricBytes}, m.Name) {
					require.Positive(t, r.Samples[0][m.Name], "%s: %s: %s", w.name, r.Contender, m.Name)
				}
			}
		}
	}
}

// A contender that lost saves would be fast.
func TestWhatAContenderSavesIsThere(t *testing.T) {
	const saves = 5
	shapes := map[string]config{
		"one writer":      {size: 100, batch: 1, writers: 1},
		"batches":         {size: 100, batch: 7, writers: 1},
		"several writers": {size: 100, batch: 1, writers: 8},
		"several batches": {size: 100, batch: 7, writers: 8},
		"no sync":         {size: 100, batch: 1, writers: 1, noSync: true},
		"in flight":       {size: 100, batch: 1, writers: 1, inFlight: true},
		"small segments":  {size: 40 << 10, batch: 4, writers: 1, segment: 512 << 10},
	}
	for _, c := range contenders() {
		if c.replay == nil {
			continue // it is a floor, or the log of another contender, read in another way
		}
		for name, cfg := range shapes {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "log")
				cfg.segment = max(cfg.segment, 1<<20)
				st, err := c.open(dir, cfg)
				require.NoError(t, err)
				writers := make([]func() error, cfg.writers)
				if c.solo {
					writers = writers[:1]
				}
				for i := range writers {
					writers[i] = st.writer()
				}
				_, _, err = drive(st, writers, time.Minute, saves, nil)
				require.NoError(t, err)
				require.NoError(t, st.close())
				entries := saves * cfg.batch * cfg.writers
				want := tally{Entries: entries, Bytes: int64(entries * cfg.size)}
				for _, keep := range []bool{true, false} {
					got, err := c.replay(dir, keep)
					require.NoError(t, err)
					require.Equal(t, want, got, "keep: %v", keep)
				}
			})
		}
	}
}

func TestAReplayThatFindsLessFails(t *testing.T) {
	b := smokeBench(t)
	w := replays(nil)[0]
	c, err := b.contender(nameBareRead)
	require.NoError(t, err)
	dir, err := b.written(w, c)
	require.NoError(t, err)
	frame := int64(bareHead + w.config.size)
	require.NoError(t, os.Truncate(bareFile(dir), frame*int64(b.entries(w)-1)))
	_, err = b.runStream(w, c)
	require.ErrorContains(t, err, "Entries:1999")
}

func TestTheProgramWritesAReport(t *testing.T) {
	out := t.TempDir()
	var progress bytes.Buffer
	args := []string{"-dir", t.TempDir(), "-rounds", "2", "-scale", "0.001", "-only", "in-flight",
		"-limits", limitsNone, "-out", out}
	require.NoError(t, run(context.Background(), args, io.Discard, &progress))
	require.Contains(t, progress.String(), "round 2 of 2")
	report, err := os.ReadFile(filepath.Join(out, "README.md"))
	require.NoError(t, err)
	require.Contains(t, string(report), "![Saves in flight, 256 B each](in-flight.svg)")
	require.Contains(t, string(report), "go.etcd.io/etcd/server/v3 v3.")
	require.FileExists(t, filepath.Join(out, "in-flight.svg"))
	samples, err := os.ReadFile(filepath.Join(out, "results.json"))
	require.NoError(t, err)
	var r result
	require.NoError(t, json.Unmarshal(samples, &r))
	require.Len(t, r.Workloads[0].Rows[0].Samples, 2)
}

func TestBadCallsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-rounds", "0"}, {"-scale", "0"}, {"-scale", "NaN"},
		{"-scale", "Inf"}, {"-only", "nothing"}, {"more"},
		{"-limits", "some"}, {"-limits", "only", "-only", "save-1k"}, {"-dir", "/dev/null"}} {
		require.Error(t, run(context.Background(), args, io.Discard, io.Discard), args)
	}
}

func TestAnInterruptedBenchLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	args := []string{"-dir", dir, "-scale", "0.001", "-limits", limitsNone}
	require.ErrorIs(t, run(ctx, args, io.Discard, io.Discard), context.Canceled)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}
