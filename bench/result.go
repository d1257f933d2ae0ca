package main

import (
	"math"
	"slices"
)

// result is all that one command measured. It is written as JSON beside the report.
type result struct {
	Date      string // of the day, UTC
	Command   string
	Rounds    int
	Scale     float64
	Machine   machine
	Versions  []version
	Workloads []workloadResult
}

// version is a module that was compared.
type version struct{ Module, Version string }

type workloadResult struct {
	Name, Title, About string
	Metrics            []metric
	Rows               []row
}

// row is one contender in one workload.
type row struct {
	Contender string
	Floor     bool
	Absent    string   `json:",omitempty"` // why there are no samples
	Samples   []sample // by round
}

// values returns a metric of every round.
func (r row) values(name string) []float64 {
	var v []float64
	for _, s := range r.Samples {
		v = append(v, s[name])
	}
	return v
}

// against returns the ratio of a row's main metric to that of another
// contender; NaN if there is none such.
func (w workloadResult) against(r row, contender string) float64 {
	i := slices.IndexFunc(w.Rows, func(o row) bool { return o.Contender == contender })
	if i < 0 {
		return math.NaN()
	}
	main := w.Metrics[0].Name
	return medianRatio(r.values(main), w.Rows[i].values(main))
}

// floorName returns the name of the first floor that the workload has, or "".
func (w workloadResult) floorName() string {
	for _, r := range w.Rows {
		if r.Floor {
			return r.Contender
		}
	}
	return ""
}
