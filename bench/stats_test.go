package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMedian(t *testing.T) {
	require.Equal(t, 3.0, median([]float64{5, 1, 3}))
	require.Equal(t, 4.0, median([]float64{5, 1, 3, 9}))
	require.True(t, math.IsNaN(median(nil)))
}

func TestQuantileIsAValueThatWasMeasured(t *testing.T) {
	values := []float64{50, 10, 40, 20, 30}
	for q, want := range map[float64]float64{0: 10, 0.2: 10, 0.21: 20, 0.5: 30, 0.99: 50, 1: 50} {
		require.Equal(t, want, quantile(values, q), "%v", q)
	}
	require.Equal(t, []float64{50, 10, 40, 20, 30}, values, "the samples keep their order")
	require.True(t, math.IsNaN(quantile(nil, 0.5)))
}

func TestMeanOfSlowest(t *testing.T) {
	values := []float64{1, 10, 2, 20, 3}
	require.Equal(t, 20.0, meanOfSlowest(values, 1))
	require.Equal(t, 15.0, meanOfSlowest(values, 2))
	require.Equal(t, 7.2, meanOfSlowest(values, 99))
	require.True(t, math.IsNaN(meanOfSlowest(nil, 3)))
}

func TestMedianRatioPairsTheRounds(t *testing.T) {
	// The second round is slow for both, which must not show.
	require.Equal(t, 2.0, medianRatio([]float64{200, 20, 200}, []float64{100, 10, 100}))
	require.Equal(t, 3.0, medianRatio([]float64{300, 2}, []float64{100}))
	require.True(t, math.IsNaN(medianRatio(nil, []float64{1})))
}
