package main

import (
	"math"
	"math/bits"
	"time"
)

// histogramBits is how many bits of a time a histogram keeps: it is wrong by 1/64 at most.
const histogramBits = 7

// A histogram counts how long saves take. It allocates nothing, so counting does not make saves
// slower.
type histogram struct {
	counts [(65 - histogramBits) << (histogramBits - 1)]uint32
	n      int
}

// slot returns the place of a time: as it is below 128 ns, and by its highest seven bits above.
func slot(d time.Duration) int {
	v := uint64(max(d, 0))
	shift := max(0, bits.Len64(v)-histogramBits)
	return shift<<(histogramBits-1) + int(v>>shift)
}

// longest returns the longest time that has a slot.
func longest(slot int) time.Duration {
	shift := max(0, slot>>(histogramBits-1)-1)
	return time.Duration((slot-shift<<(histogramBits-1)+1)<<shift - 1)
}

func (h *histogram) add(d time.Duration) {
	h.counts[slot(d)]++
	h.n++
}

// merge adds what another histogram has counted.
func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.n += o.n
}

// quantile returns, in µs, a time that the share q of the saves do not exceed, or NaN if there are
// no saves.
func (h *histogram) quantile(q float64) float64 {
	left := max(1, int(math.Ceil(q*float64(h.n))))
	for slot, n := range h.counts {
		if left -= int(n); left <= 0 {
			return float64(longest(slot)) / float64(time.Microsecond)
		}
	}
	return math.NaN()
}

// times adds the quantiles to a sample.
func (h *histogram) times(s sample) {
	for name, q := range map[string]float64{metricP50: 0.5, metricP99: 0.99, metricP999: 0.999} {
		s[name] = h.quantile(q)
	}
}
