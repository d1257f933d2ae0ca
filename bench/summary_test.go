package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSummaryHasALineForEachWorkloadWithSavesOfEtcd(t *testing.T) {
	w := example()
	w.Rows = append(w.Rows,
		row{Contender: nameBolt, Samples: []sample{{metricSaves: 500}}},
		row{Contender: namePebble, Samples: []sample{{metricSaves: 1500}}},
		row{Contender: nameReserved, Floor: true, Samples: []sample{{metricSaves: 3000}}})
	for i, v := range []float64{100, 200, 300} {
		w.Rows[0].Samples[i][metricBytes] = v
		w.Rows[1].Samples[i][metricBytes] = 70
	}
	reads := example()
	reads.Metrics = []metric{{Name: metricReads}}
	alone := example()
	alone.Rows = alone.Rows[:1]
	skipped := workloadResult{Metrics: savesMetrics(), Absent: "no cgroups"}
	r := result{Workloads: []workloadResult{w, reads, alone, skipped}}
	got := r.summary()
	require.Contains(t, got, "| Saves < 1 KiB & more | 2.00 | – | pebble 1.50 | 4.00 | 3.00 | "+
		"– / – | – / – | – / – | 200 / 70.0 |\n")
	require.NotContains(t, got[len(summaryHead):], "\n\n|")
	require.Len(t, got, len(r.summary()))
	require.Empty(t, result{Workloads: []workloadResult{reads, alone, skipped}}.summary())
	w.Rows = w.Rows[:2]
	require.Equal(t, "–", w.bestOther())
}
