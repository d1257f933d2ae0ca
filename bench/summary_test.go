package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSummaryHasALineForEachWorkloadThatEtcdTakesPartIn(t *testing.T) {
	w := example()
	w.Rows = append(w.Rows,
		row{Contender: nameBolt, Samples: []sample{{metricSaves: 500}}},
		row{Contender: namePebble, Samples: []sample{{metricSaves: 1500}}},
		row{Contender: nameOursDelayed, Samples: []sample{{metricSaves: 9000}}},
		row{Contender: nameReserved, Floor: true, Samples: []sample{{metricSaves: 3000}}})
	for i, v := range []float64{100, 200, 300} {
		w.Rows[0].Samples[i][metricBytes] = v
		w.Rows[1].Samples[i][metricBytes] = 70
	}
	other := example()
	other.Metrics = []metric{{Name: metricReads}}
	alone := example()
	alone.Rows = alone.Rows[:1]
	skipped := workloadResult{Metrics: savesMetrics(), Absent: "no cgroups"}
	r := result{Workloads: []workloadResult{w, other, alone, skipped}}
	got := r.summary()
	require.Contains(t, got, "| Saves < 1 KiB & more | 2.00 | pebble 1.50 | 1.33 | 0.50 | 0.67 | "+
		"– / – | – / – | – / – | 200 / 70.0 |\n")
	require.Equal(t, 1, strings.Count(got, "\n## ")+strings.Count(got[:3], "## "), "one table")
	require.Empty(t, result{Workloads: []workloadResult{other, alone, skipped}}.summary())
	w.Rows = w.Rows[:1]
	peer, _ := w.bestPeer()
	require.Empty(t, peer)
}
