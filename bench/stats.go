package main

import (
	"math"
	"slices"
)

// quantile returns the smallest of the values that at least the share q of them do not exceed, or
// NaN if there are no values.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// median returns the middle one of the values, or the mean of the middle two, or NaN if there are
// no values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// meanOfSlowest returns the mean of the k highest values, or NaN if there are no values.
func meanOfSlowest(values []float64, k int) float64 {
	sorted := slices.Sorted(slices.Values(values))
	k = min(k, len(sorted))
	sum := 0.0
	for _, v := range sorted[len(sorted)-k:] {
		sum += v
	}
	return sum / float64(k)
}

// medianRatio returns the median of the ratios of a to b, round by round, because what slows the
// machine in a round slows both. It returns NaN if they share no round.
func medianRatio(a, b []float64) float64 {
	var ratios []float64
	for i := range min(len(a), len(b)) {
		ratios = append(ratios, a[i]/b[i])
	}
	return median(ratios)
}
