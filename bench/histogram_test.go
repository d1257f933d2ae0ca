package main

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEveryTimeHasASlotThatIsNoLongerThanASixtyFourth(t *testing.T) {
	before := -1
	for d := time.Duration(0); d < 5000; d++ {
		s := slot(d)
		require.True(t, s == before || s == before+1, "%d", d)
		before = s
	}
	for d := time.Duration(1); d > 0; d = d*3 + 1 {
		top := longest(slot(d))
		require.GreaterOrEqual(t, top, d)
		require.LessOrEqual(t, float64(top-d), float64(d)/64, "%d", d)
		require.Equal(t, slot(d), slot(top))
	}
	var h histogram
	require.Len(t, h.counts, slot(math.MaxInt64)+1)
	require.Equal(t, time.Duration(math.MaxInt64), longest(slot(math.MaxInt64)))
	require.Zero(t, slot(-1))
}

func TestHistogramHasTheQuantilesOfWhatItCounts(t *testing.T) {
	var odd, even histogram
	for i := range 1000 {
		h := &even
		if i%2 == 0 {
			h = &odd
		}
		h.add(time.Duration(i+1) * time.Microsecond)
	}
	odd.merge(&even)
	for q, want := range map[float64]float64{0: 1, 0.5: 500, 0.99: 990, 0.999: 999, 1: 1000} {
		require.InEpsilon(t, want, odd.quantile(q), 1.0/64, "%v", q)
	}
	require.True(t, math.IsNaN(new(histogram).quantile(0.5)))
	s := sample{}
	odd.times(s)
	require.InEpsilon(t, 990, s[metricP99], 1.0/64)
	require.Len(t, s, len(timesMetrics()))
}
