package wal

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	// shortStep is how many bytes of a segment are zeroed at a time.
	shortStep = 256 << 10
	// longStep is the step after a large batch: with shortStep every few saves would pay for
	// zeroing. With half of it, a disk that limits the writes in a second takes 5 % fewer saves.
	longStep = 1 << 20
	// largeBatch is how many bytes a batch has at least to be a large one.
	largeBatch = 32 << 10
)

const (
	// stretchTime is how long the batches of a stretch take together, at least: long enough that what
	// they owe to a limit of the disk, which the kernel and clouds count in tenths of a second, is
	// asked for within it.
	stretchTime = 250 * time.Millisecond
	// stretchBatches is how many there are at least.
	stretchBatches = 32
	// firstKept and mostKept are after how many stretches of one way the other one is tried again: at
	// first, and at most. So trying takes no more than one part in 65 of the time in the long run,
	// and a disk that changes its mind is noticed within 67 stretches: 17 seconds of writing.
	firstKept = 8
	mostKept  = 64
	// longWait is from what time on a batch makes its callers wait longer than a sync explains.
	longWait = 5 * time.Millisecond
	// longWaitCounts is how many times the time beyond longWait counts.
	longWaitCounts = 8
	// zerosGain is what part of the time zeros have to save in order to pay: they are bytes that the
	// disk wears by.
	zerosGain = 1.0 / 32
)

// zeroPolicy decides whether zeros are written ahead of the saves. Whether they pay depends on the
// disk: on one that is free, or that limits the writes in a second, a save takes as little as half
// of the time with them, and on one that limits the bytes in a second, twice as long. So the policy
// compares what it sees. The log is written in stretches, of a quarter of a second of writing and
// syncing each: most of them in the way that is kept, with zeros at first, and one now and then in
// the other way, which is compared with the stretch before it by the time that a batch takes on
// average. That includes the batches that wrote the zeros, and what they owe to a limit of the
// disk, since a stretch with zeros begins with a batch that writes some and ends when they are used
// up. The part of a wait that exceeds 5 ms counts eight times, because a tail hurts more than a
// mean. The other way is kept from then on if it was better, and better again when it was tried
// once more; zeros are better only if they save 3 % of the time. A trial that changes nothing makes
// the next one rarer: after 8 stretches, then 64. All of that is separate for each size of batch,
// as the mean of a stretch in powers of two, because the answer differs.
//
// The size may depend on the way: a batch holds what has come while the one before was written, so
// the slower way has the larger batches. Then the way whose batches take less time is the better
// one if it writes at least as much in a second, and its answer goes for both sizes. If it writes
// less, the log is used in another way than before, and the trial says nothing.
//
// It does no I/O, and forgets everything when the log is closed. The leader owns it.
type zeroPolicy struct {
	now, before stretch
	sizes       [zeroSizes]keptWay
	compared    *keptWay      // what the change of the way before this stretch says something about
	written     atomic.Uint64 // zeros, in bytes; for Stats
}

// zeroSizes is how many powers of two there are up to shortStep.
const zeroSizes = 19

// stretch is a number of batches one after the other that were written in one way.
type stretch struct {
	reserved bool // the way: space is only reserved, no zeros are written
	batches  int64
	bytes    int64 // in them
	took     time.Duration
	cost     time.Duration // what it took, with long waits counted more than once
}

// size returns the mean size of the batches.
func (s *stretch) size() int64 { return s.bytes / s.batches }

// mean returns what a batch costs on average, and rate how many bytes were written in a nanosecond.
func (s *stretch) mean() float64 { return float64(s.cost) / float64(s.batches) }
func (s *stretch) rate() float64 { return float64(s.bytes) / float64(s.took) }

// keptWay is the way that is kept for a size of batches.
type keptWay struct {
	reserved bool
	won      bool // the other way was better the last time
	every    int  // stretches of the way that is kept between two trials
	left     int  // until the next one
}

// step returns to a multiple of how many bytes zeros are written after a batch of n bytes that
// reaches past the zeros that are there. 1 stands for none.
//
// A batch as large as shortStep pays for its own allocation alone, because zeros would be written
// only to be overwritten.
func (p *zeroPolicy) step(n int) int64 {
	if n >= shortStep {
		return 1
	}
	if s := p.now; s.batches >= stretchBatches && s.took >= stretchTime {
		p.before, p.now = s, stretch{reserved: p.next(&s)}
	}
	switch {
	case p.now.reserved:
		return 1
	case n >= largeBatch:
		return longStep
	}
	return shortStep
}

// add takes note of how long the writes and the sync of a batch of n bytes took.
func (p *zeroPolicy) add(n int, took time.Duration) {
	if n == 0 || n >= shortStep {
		return
	}
	s := &p.now
	s.batches++
	s.bytes += int64(n)
	s.took += took
	s.cost += took + (longWaitCounts-1)*max(0, took-longWait)
}

// next returns the way of the stretch after s. Where the way changes, the two stretches are
// compared once the second one is over, and say what is better for the size of the first one.
func (p *zeroPolicy) next(s *stretch) (reserved bool) {
	of := &p.sizes[bits.Len64(uint64(s.size()))]
	if k := p.compared; k != nil {
		p.compared = nil
		k.judge(s, &p.before)
		if k != of && comparable(s, &p.before) { // the way makes the size: they have one answer
			*of = keptWay{reserved: k.reserved, every: k.every, left: max(firstKept, k.left)}
		}
		return k.reserved
	}
	if s.reserved == of.reserved {
		if of.left--; of.left > 0 {
			return of.reserved
		}
		p.compared = of
		return !of.reserved // a trial
	}
	p.compared = of // s was begun in the way of another size
	return of.reserved
}

// judge compares two stretches in different ways, one of which had batches of the size that k is
// for.
func (k *keptWay) judge(a, b *stretch) {
	switch {
	case !comparable(a, b):
		k.every = max(1, min(mostKept, 2*k.every))
		k.left = k.every
	case k.reserved != zerosPay(a, b): // what is kept was better
		if !k.won {
			k.every = max(firstKept, min(mostKept, k.every*firstKept))
		}
		k.won, k.left = false, max(firstKept, k.every)
	case !k.won:
		k.won, k.left = true, 1
	default:
		*k = keptWay{reserved: !k.reserved, every: firstKept, left: firstKept}
	}
}

// comparable reports whether two stretches can be compared. They differ in the way. Their batches
// are of about the same size, or the one whose batches take less time has written as much in a
// second, or more.
func comparable(a, b *stretch) bool {
	if b.batches == 0 || a.reserved == b.reserved {
		return false
	}
	if low, high := min(a.size(), b.size()), max(a.size(), b.size()); 4*(high-low) < high {
		return true
	}
	if a.mean() > b.mean() {
		a, b = b, a
	}
	return a.rate() >= b.rate()*7/8
}

// zerosPay reports whether the one of two stretches that had zeros ahead was the better one.
func zerosPay(a, b *stretch) bool {
	if a.reserved {
		a, b = b, a
	}
	return a.mean() <= b.mean()*(1-zerosGain)
}
