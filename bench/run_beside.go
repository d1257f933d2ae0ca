package main

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// besideReaders is how many goroutines read beside the writer.
const besideReaders = 2

// runBeside measures saves alone, and beside goroutines that stream the whole log again and again.
// Both take turns in one log, so whatever slows the disk slows both. First the writer has a core on
// which nothing else runs, then all share all cores.
func (b *bench) runBeside(w workload, c contender) (s sample, err error) {
	apart, err := coresApart()
	if err != nil {
		return nil, err
	}
	err = b.fresh(func(dir string) error {
		st, err := c.open(dir, b.configOf(w))
		if err != nil {
			return err
		}
		s, err = b.beside(st, apart)
		return errors.Join(err, st.close())
	})
	return s, err
}

func (b *bench) beside(st *store, apart placing) (sample, error) {
	save := st.writer()
	if _, _, err := drive(st, []func() error{save}, time.Hour, b.budget.rollSaves, nil); err != nil {
		return nil, err // without these saves the readers would have nothing to read at first
	}
	var times histogram
	own, err := b.inTurns(st, save, apart, &times)
	if err != nil {
		return nil, err
	}
	shared, err := b.inTurns(st, save, placing{}, nil)
	if err != nil {
		return nil, err
	}
	s := sample{
		metricOfAlone:       own.beside.rate() / own.alone.rate(),
		metricOfAloneShared: shared.beside.rate() / shared.alone.rate(),
		metricAlone:         own.alone.rate(),
		metricBeside:        own.beside.rate(),
		metricRead:          float64(own.read) / own.beside.took.Seconds(),
	}
	times.times(s)
	return s, nil
}

// turns is the result of saves alone and beside readers.
type turns struct {
	alone, beside stretch
	read          int64 // entries that the readers saw
}

// stretch is a number of saves, and how long they took.
type stretch struct {
	saves int
	took  time.Duration
}

func (s stretch) rate() float64 { return float64(s.saves) / s.took.Seconds() }

// inTurns saves alone, beside readers, beside readers again, and alone again. The log grows
// meanwhile, and in this order that favours neither. It counts in times, unless that is nil, how
// long the saves beside readers take.
func (b *bench) inTurns(
	st *store, save func() error, at placing, times *histogram,
) (t turns, err error) {
	back, err := at.clear()
	defer func() { err = errors.Join(err, back()) }()
	if err != nil {
		return t, err
	}
	if at.apart() { // the placing divides the cores, so more threads may run
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + besideReaders)
	}
	for _, readers := range []int{0, besideReaders, besideReaders, 0} {
		part, counted := &t.alone, (*histogram)(nil)
		if readers > 0 {
			part, counted = &t.beside, times
		}
		saved, read, err := b.turn(st, save, readers, at, counted)
		if err != nil {
			return t, err
		}
		part.saves += saved.saves
		part.took += saved.took
		t.read += read
	}
	return t, nil
}

// turn saves beside the given number of readers.
func (b *bench) turn(
	st *store, save func() error, readers int, at placing, times *histogram,
) (s stretch, read int64, err error) {
	var over atomic.Bool
	var entries atomic.Int64
	var running sync.WaitGroup
	errs := make([]error, readers+1)
	for i := range readers {
		running.Go(func() { errs[i] = streamUntil(st, &over, &entries) })
	}
	running.Go(func() {
		defer over.Store(true)
		defer time.AfterFunc(b.budget.duration, func() { over.Store(true) }).Stop()
		errs[readers] = at.onWritersCore(func() (err error) {
			began := time.Now()
			s.saves, err = repeat(save, &over, b.budget.saves, times)
			s.took = time.Since(began)
			return err
		})
	})
	running.Wait()
	return s, entries.Load(), errors.Join(errs...)
}

// streamUntil reads the whole log again and again.
func streamUntil(st *store, over *atomic.Bool, entries *atomic.Int64) error {
	for {
		err := st.stream(func([]byte) bool {
			entries.Add(1)
			return !over.Load()
		})
		if err != nil || over.Load() {
			return err
		}
	}
}
