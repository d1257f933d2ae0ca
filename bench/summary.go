package main

import (
	"math"
	"slices"
	"strings"
)

// glance is a table of all workloads that etcd's wal takes part in and that compare one metric.
type glance struct {
	title, about string
	metric       string   // the one that is compared
	figures      []string // metrics that are shown as this library / etcd's wal, as measured
}

// glances are the tables of the report's beginning.
var glances = []glance{
	{
		title: "All saves at a glance", metric: metricSaves,
		about: "Saves a second of this library, as multiples of those of etcd's wal, of the best peer " +
			"and of the floors. The best peer is the fastest log but this one; beside it stand its saves " +
			"as multiples of etcd's. The last columns are this library / etcd's wal, as measured.",
		figures: []string{metricP99, metricP999, metricWrites, metricBytes},
	},
	{
		title: "All replays at a glance", metric: metricEntries,
		about:   "The same for entries read a second.",
		figures: []string{metricPeak},
	},
}

// summary returns the tables that have a line at least.
func (r result) summary() string {
	var b strings.Builder
	for _, g := range glances {
		lines := ""
		for _, w := range r.Workloads {
			if w.Metrics[0].Name == g.metric && w.row(nameEtcd).values(g.metric) != nil {
				lines += g.line(w)
			}
		}
		if lines == "" {
			continue
		}
		head := slices.Concat([]string{"", "÷ etcd wal", "best peer", "÷ best peer", "÷ floor",
			"÷ reserved only"}, g.figures)
		b.WriteString("## " + g.title + "\n\n" + g.about + "\n\n")
		writeRow(&b, head)
		b.WriteString("|---|--:|---|" + strings.Repeat("--:|", len(head)-3) + "\n" + lines + "\n")
	}
	return b.String()
}

// line returns the line of a workload.
func (g glance) line(w workloadResult) string {
	ours := w.row(nameOurs)
	cells := []string{w.Title, ratio(w.against(ours, nameEtcd))}
	peer, ofEtcd := w.bestPeer()
	if peer == "" {
		cells = append(cells, "–", "–")
	} else {
		cells = append(cells, peer+" "+ratio(ofEtcd), ratio(w.against(ours, peer)))
	}
	floor := ""
	if i := slices.IndexFunc(w.Rows, func(r row) bool { return r.Floor }); i >= 0 {
		floor = w.Rows[i].Contender
	}
	for _, name := range []string{floor, nameReserved} {
		cells = append(cells, ratio(w.against(ours, name)))
	}
	for _, m := range g.figures {
		cells = append(cells, figure(median(ours.values(m)))+" / "+
			figure(median(w.row(nameEtcd).values(m))))
	}
	var b strings.Builder
	writeRow(&b, cells)
	return b.String()
}

// bestPeer returns the name of the fastest log that is not this library, and its multiple of
// etcd's wal.
func (w workloadResult) bestPeer() (name string, ofEtcd float64) {
	ofEtcd = math.Inf(-1)
	for _, r := range w.Rows {
		if r.Floor || strings.HasPrefix(r.Contender, nameOurs) {
			continue
		}
		if v := w.against(r, nameEtcd); v > ofEtcd {
			name, ofEtcd = r.Contender, v
		}
	}
	return name, ofEtcd
}
