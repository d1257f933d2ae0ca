package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/log"
)

// inspect shows what the log holds. It reads from the oldest segment on, and takes no lock, so it
// works while another process is writing.
func (a *app) inspect(args []string) error {
	flags := newFlags("log")
	count := flags.Uint64("n", 10, "")
	all := flags.Bool("records", false, "")
	if err := flags.Parse(args); err != nil {
		return usageError(fmt.Sprintf("log: %v", err))
	}
	if flags.NArg() > 0 {
		return usageError("usage: kvstore log [-n COUNT] [-records]")
	}
	if *all {
		return a.records()
	}
	r, err := wal.OpenForRead(a.cfg.Logger, a.cfg.logDir(), nil, a.cfg.options()...)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", a.cfg.Dir, errNoStore)
	}
	if err != nil {
		return err
	}
	defer r.Close()
	out := bufio.NewWriter(a.stdout)
	if err := a.summary(out, r); err != nil {
		return err
	}
	if err := lastEntries(out, r, *count); err != nil {
		return err
	}
	return out.Flush()
}

// summary prints everything but the entries.
func (a *app) summary(out io.Writer, r *wal.Reader) error {
	recorded, err := wal.ValidSnapshots(a.cfg.Logger, a.cfg.logDir(), a.cfg.options()...)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "metadata   %q\n", r.Metadata())
	st := r.State().(*State) // its type is the one that is registered, here and below
	fmt.Fprintf(out, "state      term %d, committed up to entry %d\n", st.Term, st.Commit)
	fmt.Fprintf(out, "snapshots  %s\n", places(recorded))
	if first, last := r.FirstIndex(), r.LastIndex(); first <= last {
		fmt.Fprintf(out, "entries    %d to %d\n", first, last)
	} else {
		fmt.Fprintf(out, "entries    none, the next one is %d\n", last+1)
	}
	if len(recorded) > 0 {
		behind := r.LastIndex() - recorded[len(recorded)-1].GetIndex()
		if err := suggestSnapshot(out, behind); err != nil {
			return err
		}
	}
	err = files(out, "segments of the log, prepared space included", a.cfg.logDir(), ".wal")
	if err != nil {
		return err
	}
	return files(out, "snapshot files", a.cfg.snapshotDir(), ".json")
}

// places says at which entries there are snapshots.
func places(snaps []log.Snapshot) string {
	var at []string
	for _, snap := range snaps {
		at = append(at, fmt.Sprintf("at entry %d", snap.GetIndex()))
	}
	if len(at) == 0 {
		return "none"
	}
	return strings.Join(at, ", ")
}

// files lists the files with a suffix, and their sizes. The directory need not exist.
func files(out io.Writer, title, dir, suffix string) error {
	all, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fmt.Fprintf(out, "%s:\n", title)
	found := false
	for _, f := range all {
		info, err := f.Info()
		if err != nil || !strings.HasSuffix(f.Name(), suffix) {
			continue // it has another suffix, or was purged since it was listed
		}
		fmt.Fprintf(out, "  %s %10d bytes\n", f.Name(), info.Size())
		found = true
	}
	if !found {
		fmt.Fprintln(out, "  none")
	}
	return nil
}

// lastEntries prints the last entries, at most count of them.
func lastEntries(out io.Writer, r *wal.Reader, count uint64) error {
	first, end := r.FirstIndex(), r.LastIndex()+1
	lo := max(first, end-min(count, end))
	if lo >= end {
		return nil
	}
	fmt.Fprintf(out, "the last %d:\n", end-lo)
	for e, err := range wal.As[*Entry](r.Entries(lo, end)) {
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  %6d  %s %.60q", e.Index, e.Op, e.Key)
		if e.Op == OpPut {
			fmt.Fprintf(out, " = %.60q", e.Value)
		}
		fmt.Fprintln(out)
	}
	return nil
}

// records prints every record of the log as it stands in its files, even if the log is damaged.
func (a *app) records() error {
	out := bufio.NewWriter(a.stdout)
	segment := ""
	for rec, err := range wal.Records(a.cfg.logDir(), wal.WithTolerant()) {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s: %w", a.cfg.Dir, errNoStore)
		case errors.Is(err, wal.ErrCorrupt):
			fmt.Fprintln(out, err)
			continue
		case err != nil:
			return err
		}
		if rec.Segment != segment {
			segment = rec.Segment
			fmt.Fprintln(out, segment)
		}
		fmt.Fprintf(out, "  %8d %6d bytes  %-8s crc %08x", rec.Offset, rec.Size, rec.Type, rec.Crc)
		if rec.Synced {
			fmt.Fprint(out, " synced")
		}
		if rec.Commit {
			fmt.Fprint(out, " commit")
		}
		if rec.Control == wal.ControlClosed {
			fmt.Fprint(out, " closed")
		}
		fmt.Fprintf(out, "  %.60q\n", rec.Data)
	}
	return out.Flush()
}
