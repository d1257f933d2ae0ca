package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// warmUpReads is how many entries, evenly spread over the log, are read before the measurement, so
// that every log has loaded what it needs for reading.
const warmUpReads = 1000

// runRandom measures how many single entries a contender reads in a second. The order is the same
// for all contenders.
func (b *bench) runRandom(w workload, c contender) (s sample, err error) {
	r, err := b.openWarm(w, c)
	if err != nil {
		return nil, err
	}
	rate, err := b.randomRate(r, w)
	return sample{metricReads: rate}, errors.Join(err, r.close())
}

// openWarm returns a reader of a written log whose files the page cache has.
func (b *bench) openWarm(w workload, c contender) (*reader, error) {
	dir, err := b.written(w, c)
	if err != nil {
		return nil, err
	}
	if err := warm(dir); err != nil {
		return nil, err
	}
	return c.openReader(dir)
}

func (b *bench) randomRate(r *reader, w workload) (float64, error) {
	entries := uint64(b.entries(w))
	read := func(index uint64) error {
		data, err := r.read(index)
		if err == nil && len(data) != w.config.size {
			err = fmt.Errorf("entry %d has %d bytes where %d were saved", index, len(data), w.config.size)
		}
		return err
	}
	for i := uint64(1); i <= entries; i += max(1, entries/warmUpReads) {
		if err := read(i); err != nil {
			return 0, err
		}
	}
	order := rand.New(rand.NewPCG(0, 1))
	next := func() error { return read(1 + order.Uint64N(entries)) }
	return b.rate(next)
}

// rate returns how many times a second next can be called. The first tenth is not measured.
func (b *bench) rate(next func() error) (float64, error) {
	calls := []func() error{next}
	if _, _, err := drive(&store{}, calls, b.budget.duration/10, b.budget.saves, nil); err != nil {
		return 0, err
	}
	n, took, err := drive(&store{}, calls, b.budget.duration, b.budget.saves, nil)
	return float64(n) / took.Seconds(), err
}

// nearEntries is how far ahead a near end is, in entries. As many entries have limitBytes bytes.
const nearEntries, limitBytes = 8, 8 << 10

// runLimited measures how many reads of entries up to a limit of bytes are made in a second: once
// if the range is all the rest of the log, and once if it is a few entries.
func (b *bench) runLimited(w workload, c contender) (s sample, err error) {
	r, err := b.openWarm(w, c)
	if err != nil {
		return nil, err
	}
	entries := uint64(b.entries(w))
	rate := func(end func(lo uint64) uint64) (float64, error) {
		order := rand.New(rand.NewPCG(0, 1))
		next := func() error {
			lo := 1 + order.Uint64N(entries-nearEntries)
			n, err := r.limit(lo, end(lo), limitBytes)
			if err == nil && (n == 0 || n > nearEntries) {
				err = fmt.Errorf("%d entries from %d on", n, lo)
			}
			return err
		}
		return b.rate(next)
	}
	far, err := rate(func(uint64) uint64 { return entries + 1 })
	near, err2 := rate(func(lo uint64) uint64 { return lo + nearEntries })
	s = sample{metricToEnd: far, metricToNear: near, metricOfNear: far / near}
	return s, errors.Join(err, err2, r.close())
}

// warm reads every file under dir once, so that the page cache has it.
func warm(dir string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, f)
		return closing(err, f)
	})
}
