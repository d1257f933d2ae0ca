package main

import (
	"slices"
)

// result is everything that one command has measured. It is written as JSON beside the report.
type result struct {
	Date      string // of the day, UTC
	Command   string
	Rounds    int
	Scale     float64
	Machine   machine
	Versions  []version
	Counters  string // what counts the writes of the disk
	Workloads []workloadResult
}

// version is a module that was compared.
type version struct{ Module, Version string }

type workloadResult struct {
	Name, Title, About string
	Absent             string `json:",omitempty"` // why nothing was measured
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

// row returns the row of a contender, or an empty one if it takes no part.
func (w workloadResult) row(contender string) row {
	for _, r := range w.Rows {
		if r.Contender == contender {
			return r
		}
	}
	return row{}
}

// against returns the ratio of a row's main metric to that of another contender, or NaN if there is
// no such contender.
func (w workloadResult) against(r row, contender string) float64 {
	main := w.Metrics[0].Name
	return medianRatio(r.values(main), w.row(contender).values(main))
}

// references returns the names of the contenders that the others are compared with: etcd's wal and
// the first floor, if they take part.
func (w workloadResult) references() []string {
	var names []string
	isEtcd := func(r row) bool { return r.Contender == nameEtcd || r.Contender == nameRaftEtcd }
	isFloor := func(r row) bool { return r.Floor }
	for _, is := range []func(row) bool{isEtcd, isFloor} {
		if i := slices.IndexFunc(w.Rows, is); i >= 0 {
			names = append(names, w.Rows[i].Contender)
		}
	}
	return names
}
