package main

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// runSaves measures how many saves a contender makes in a second. Opening the log, and the first
// tenth of the saves, are not measured. Every contender starts with a new log.
func (b *bench) runSaves(w workload, c contender) (s sample, err error) {
	err = b.fresh(func(dir string) error {
		cfg := b.configOf(w)
		st, err := c.open(dir, cfg)
		if err != nil {
			return err
		}
		rate, err := b.rate(st, cfg, c.solo)
		s = sample{metricSaves: rate}
		return errors.Join(err, st.close())
	})
	return s, err
}

// rate returns how many saves a second are made in an open store.
func (b *bench) rate(st *store, cfg config, solo bool) (float64, error) {
	goroutines, each := cfg.writers, 1
	if solo {
		goroutines, each = 1, cfg.writers
	}
	writers := make([]func() error, goroutines)
	for i := range writers {
		writers[i] = st.writer()
	}
	if _, _, err := drive(st, writers, b.budget.duration/10, b.budget.saves); err != nil {
		return 0, err
	}
	saves, took, err := drive(st, writers, b.budget.duration, b.budget.saves)
	return float64(saves*each) / took.Seconds(), err
}

// drive makes each writer save in a goroutine until the time d is over, or until it has made most
// saves. It returns how many saves they made together, and how long it took until all of them were
// durable.
func drive(
	st *store, writers []func() error, d time.Duration, most int,
) (saves int, took time.Duration, err error) {
	var over atomic.Bool // it is cheaper than reading the clock at every save
	defer time.AfterFunc(d, func() { over.Store(true) }).Stop()
	counts, errs := make([]int, len(writers)), make([]error, len(writers))
	began := time.Now()
	var running sync.WaitGroup
	for i, save := range writers {
		running.Go(func() {
			counts[i], errs[i] = repeat(save, &over, most)
		})
	}
	running.Wait()
	if err = errors.Join(errs...); err == nil && st.flush != nil {
		err = st.flush()
	}
	took = time.Since(began)
	for _, n := range counts {
		saves += n
	}
	return saves, took, err
}

// repeat saves until over is true or most saves are made, but at least once.
func repeat(save func() error, over *atomic.Bool, most int) (n int, err error) {
	for ; n < most && (n == 0 || !over.Load()) && err == nil; n++ {
		err = save()
	}
	return n, err
}

// runRoll measures how long each single save takes, over many segments.
func (b *bench) runRoll(w workload, c contender) (s sample, err error) {
	err = b.fresh(func(dir string) error {
		cfg := b.configOf(w)
		st, err := c.open(dir, cfg)
		if err != nil {
			return err
		}
		save := st.writer()
		if _, _, err = drive(st, []func() error{save}, math.MaxInt64, b.budget.rollSaves/10); err == nil {
			s, err = timeEach(save, b.budget.rollSaves, 10*b.budget.duration)
		}
		return errors.Join(err, st.close())
	})
	return s, err
}

// timeEach makes n saves, or fewer if they take longer than the limit.
func timeEach(save func() error, n int, limit time.Duration) (sample, error) {
	took := make([]float64, 0, n) // µs
	for began := time.Now(); len(took) < n && time.Since(began) < limit; {
		t := time.Now()
		if err := save(); err != nil {
			return nil, err
		}
		took = append(took, float64(time.Since(t))/float64(time.Microsecond))
	}
	cuts := max(1, len(took)*rollSize/rollSegment)
	return sample{
		metricSlowest: meanOfSlowest(took, cuts),
		"p50, µs":     quantile(took, 0.5),
		"p99, µs":     quantile(took, 0.99),
		"p99.9, µs":   quantile(took, 0.999),
		"max, µs":     quantile(took, 1),
	}, nil
}
