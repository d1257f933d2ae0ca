package main

import (
	"math"
	"strings"
)

// summaryHead explains the table of all workloads that save and that etcd's wal takes part in.
const summaryHead = `## All saves at a glance

Saves a second as multiples of etcd's. "Best other" is the fastest of all other logs but this one,
etcd's and raft-wal. The last four columns are this library / etcd's wal, as measured.

`

// summary returns a table with a line for each workload that counts saves, or "" if there is none.
func (r result) summary() string {
	var b strings.Builder
	for _, w := range r.Workloads {
		if w.Metrics[0].Name == metricSaves && w.row(nameEtcd).values(metricSaves) != nil {
			writeRow(&b, w.summaryCells())
		}
	}
	if b.Len() == 0 {
		return ""
	}
	head := []string{"", nameOurs, nameRaftWAL, "best other", nameFloor, "reserved only",
		metricP99, metricP999, metricWrites, metricBytes}
	var top strings.Builder
	writeRow(&top, head)
	return summaryHead + top.String() + "|---|" + strings.Repeat("--:|", len(head)-1) + "\n" +
		b.String() + "\n"
}

// summaryCells returns the cells of a workload's line.
func (w workloadResult) summaryCells() []string {
	cells := []string{w.Title}
	for _, name := range []string{nameOurs, nameRaftWAL} {
		cells = append(cells, ratio(w.against(w.row(name), nameEtcd)))
	}
	cells = append(cells, w.bestOther())
	for _, name := range []string{nameFloor, nameReserved} {
		cells = append(cells, ratio(w.against(w.row(name), nameEtcd)))
	}
	for _, m := range []string{metricP99, metricP999, metricWrites, metricBytes} {
		cells = append(cells, figure(median(w.row(nameOurs).values(m)))+" / "+
			figure(median(w.row(nameEtcd).values(m))))
	}
	return cells
}

// bestOther returns the name of the fastest other log and its ratio to etcd's wal.
func (w workloadResult) bestOther() string {
	best, name := math.Inf(-1), ""
	for _, r := range w.Rows {
		switch v := w.against(r, nameEtcd); {
		case r.Floor, r.Contender == nameOurs, r.Contender == nameEtcd, r.Contender == nameRaftWAL:
		case v > best:
			best, name = v, r.Contender
		}
	}
	if name == "" {
		return "–"
	}
	return name + " " + ratio(best)
}
