// Bench compares this library with other logs for Go, and with what the disk can do. It writes a
// report: tables, plots and all samples.
//
//	go run . -dir /path/on/the/disk -rounds 5 -scale 1 -out ../docs/benchmarks
//
// The directory should be on the disk that matters, and not on a file system in memory. At scale 1,
// five rounds take about forty minutes, half of it on a disk that the kernel limits, which needs
// root and Linux. They need 12 GB of space, and as much memory that is
// free for the page cache, because what is read should be in it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	isChild, err := asChild()
	if !isChild {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// diskFor returns how to find the disk: without limits no cgroup is made.
func diskFor(limits string) func(dir string) *disk {
	if limits == limitsNone {
		return countedDisk
	}
	return openDisk
}

// run runs the program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("dir", ".",
		"where the logs are written: a directory on the disk to be measured")
	rounds := flags.Int("rounds", 5, "how often everything is measured")
	scale := flags.Float64("scale", 1, "how much each run does; 1 is for figures to be quoted")
	out := flags.String("out", "",
		"the directory that gets the report; none: the report goes to standard output")
	limits := flags.String("limits", limitsAuto,
		"the saves on a disk limited by the kernel: auto, where that is possible; only, nothing else; "+
			"none")
	only := flags.String("only", "", "names of workloads, separated by commas; none: all of them")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *rounds < 1 || !(*scale > 0 && *scale <= 1000) {
		return fmt.Errorf("want no arguments, at least one round, and a scale above 0, up to 1000; " +
			"see -help")
	}
	chosen, err := choose(*only, *limits)
	if err != nil {
		return err
	}
	b, err := newBench(*dir, *rounds, budgetOf(*scale), stderr, diskFor(*limits))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	r := result{
		Date: time.Now().UTC().Format("2 January 2006"), Rounds: *rounds, Scale: *scale,
		Command: command(*rounds, *scale, *limits, *only),
		Machine: describeMachine(*dir), Versions: versions(), Counters: b.disk.about(),
	}
	for i, w := range chosen {
		measured, err := b.workload(ctx, w)
		if err != nil {
			return err
		}
		r.Workloads = append(r.Workloads, measured)
		if err := b.forget(chosen[i+1:]); err != nil {
			return err
		}
	}
	if *out != "" {
		return r.write(*out)
	}
	_, err = io.WriteString(stdout, r.markdown())
	return err
}

// command returns the command that repeats a run.
func command(rounds int, scale float64, limits, only string) string {
	c := fmt.Sprintf("make bench ROUNDS=%d SCALE=%g", rounds, scale)
	if limits != limitsAuto {
		c += " LIMITS=" + limits
	}
	if only != "" {
		c += " ONLY=" + only
	}
	return c
}

// choose returns the workloads with the given names, or all if names is empty, as far as the value
// of the flag -limits asks for them.
func choose(names, limits string) ([]workload, error) {
	all := workloads()
	if names == "" {
		return filterLimits(all, limits)
	}
	var chosen []workload
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(w workload) bool { return w.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no workload %q", name)
		}
		chosen = append(chosen, all[i])
	}
	if chosen, err := filterLimits(chosen, limits); err != nil || len(chosen) > 0 {
		return chosen, err
	}
	return nil, fmt.Errorf("-limits %s leaves nothing of %s", limits, names)
}
