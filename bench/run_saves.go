package main

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// warmUp is how long durable saves are made at least before they are measured, and warmUpLimited on
// a disk with a limit: this library has seen its disk then, and what the limit allows at first is
// used up.
const (
	warmUp        = 700 * time.Millisecond
	warmUpLimited = 1300 * time.Millisecond
)

// runSaves measures how many saves a contender makes in a second, how long they take, and what the
// disk writes for them. Opening the log, and the saves of the warm-up, are not measured. Every
// contender starts with a new log.
func (b *bench) runSaves(w workload, c contender) (s sample, err error) {
	err = b.fresh(func(dir string) error {
		return b.disk.inside(func() error {
			st, err := c.open(dir, b.configOf(w))
			if err != nil {
				return err
			}
			err = b.disk.under(w.limit, func() error {
				s, err = b.measure(st, w, c.solo)
				return err
			})
			return errors.Join(err, st.close())
		})
	})
	return s, err
}

// measure measures the saves in an open store.
func (b *bench) measure(st *store, w workload, solo bool) (sample, error) {
	goroutines, each := w.config.writers, 1
	if solo {
		goroutines, each = 1, w.config.writers
	}
	writers := make([]func() error, goroutines)
	for i := range writers {
		writers[i] = st.writer()
	}
	d, least := b.budget.duration, warmUp
	if w.limit != (limit{}) {
		d, least = d*limitedLonger, warmUpLimited
	}
	durable := !w.config.noSync && !w.config.inFlight
	before := d / 10
	if durable {
		before = max(before, least)
	}
	if _, _, err := drive(st, writers, before, b.budget.saves, nil); err != nil {
		return nil, err
	}
	// Two clocks a save would be seen where a save takes a microsecond, so those are timed later.
	var times, now *histogram = new(histogram), nil
	if durable {
		now = times
	}
	var saves int
	var took time.Duration
	wrote, known, err := b.disk.during(func() (err error) {
		saves, took, err = drive(st, writers, d, b.budget.saves, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !durable {
		if _, _, err := drive(st, writers, d/4, b.budget.saves, times); err != nil {
			return nil, err
		}
	}
	s := sample{metricSaves: float64(saves*each) / took.Seconds()}
	times.times(s)
	if known && durable {
		wrote.aSave(s, saves*each)
	}
	return s, nil
}

// drive makes each writer save in a goroutine until the time d is over, or until it has made most
// saves. It returns how many saves they made together, and how long it took until all of them were
// durable. It counts in times, unless that is nil, how long each save takes.
func drive(
	st *store, writers []func() error, d time.Duration, most int, times *histogram,
) (saves int, took time.Duration, err error) {
	var over atomic.Bool // it is cheaper than reading the clock at every save
	defer time.AfterFunc(d, func() { over.Store(true) }).Stop()
	counts, errs := make([]int, len(writers)), make([]error, len(writers))
	own := make([]*histogram, len(writers))
	for i := range own {
		if times != nil {
			own[i] = new(histogram)
		}
	}
	began := time.Now()
	var running sync.WaitGroup
	for i, save := range writers {
		running.Go(func() {
			counts[i], errs[i] = repeat(save, &over, most, own[i])
		})
	}
	running.Wait()
	if err = errors.Join(errs...); err == nil && st.flush != nil {
		err = st.flush()
	}
	took = time.Since(began)
	for i, n := range counts {
		saves += n
		if times != nil {
			times.merge(own[i])
		}
	}
	return saves, took, err
}

// repeat saves until over is true or most saves are made, but at least once. It counts in
// times, unless that is nil, how long each save takes.
func repeat(
	save func() error, over *atomic.Bool, most int, times *histogram,
) (n int, err error) {
	began, before := time.Now(), time.Duration(0)
	for ; n < most && (n == 0 || !over.Load()) && err == nil; n++ {
		err = save()
		if times != nil {
			now := time.Since(began)
			times.add(now - before)
			before = now
		}
	}
	return n, err
}

// runRoll measures how long each single save takes, over many segments.
func (b *bench) runRoll(w workload, c contender) (s sample, err error) {
	err = b.fresh(func(dir string) error {
		return b.disk.inside(func() error {
			st, err := c.open(dir, b.configOf(w))
			if err != nil {
				return err
			}
			s, err = b.roll(st)
			return errors.Join(err, st.close())
		})
	})
	return s, err
}

// roll measures single saves in an open store.
func (b *bench) roll(st *store) (s sample, err error) {
	save := st.writer()
	first := b.budget.rollSaves / 10
	if _, _, err = drive(st, []func() error{save}, math.MaxInt64, first, nil); err != nil {
		return nil, err
	}
	var took []float64
	wrote, known, err := b.disk.during(func() (err error) {
		took, err = timeEach(save, b.budget.rollSaves, 10*b.budget.duration)
		return err
	})
	if err != nil {
		return nil, err
	}
	s = sample{
		metricSlowest: meanOfSlowest(took, max(1, len(took)*rollSize/rollSegment)),
		metricP50:     quantile(took, 0.5),
		metricP99:     quantile(took, 0.99),
		metricP999:    quantile(took, 0.999),
		metricMax:     quantile(took, 1),
	}
	if known {
		wrote.aSave(s, len(took))
	}
	return s, nil
}

// timeEach makes n saves, or fewer if they take longer than the limit, and returns how long each of
// them took, in µs.
func timeEach(save func() error, n int, limit time.Duration) ([]float64, error) {
	took := make([]float64, 0, n)
	for began := time.Now(); len(took) < n && time.Since(began) < limit; {
		t := time.Now()
		if err := save(); err != nil {
			return nil, err
		}
		took = append(took, float64(time.Since(t))/float64(time.Microsecond))
	}
	return took, nil
}
