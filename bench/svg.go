package main

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

// These are the measures of a plot, in pixels.
const (
	plotWidth  = 760
	plotTop    = 44 // to the first bar
	plotBottom = 14
	labelWidth = 150
	valueWidth = 190
	barHeight  = 16
	barStep    = 26
	barsWidth  = plotWidth - labelWidth - valueWidth
)

// plotStyle is readable on a light and on a dark background. It adapts if the viewer says which it
// has.
const plotStyle = `<style>
text { font: 12px system-ui, sans-serif; fill: #57606a; }
.title { font-size: 14px; font-weight: 600; }
.ours { fill: #2f81f7; } .peer { fill: #8c959f; }
.floor { fill: none; stroke: #8c959f; stroke-dasharray: 3 2; }
.spread { stroke: #57606a; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) { text { fill: #adbac7; } .spread { stroke: #adbac7; } }
</style>
`

// plot returns a bar chart of a workload's main metric: medians, and a line from the lowest to the
// highest round.
func (w workloadResult) plot() string {
	m := w.Metrics[0]
	direction := "more is better"
	if m.LessIsBetter {
		direction = "less is better"
	}
	var rows []row
	most := 0.0
	for _, r := range w.Rows {
		if len(r.Samples) > 0 {
			rows = append(rows, r)
			most = max(most, slices.Max(r.values(m.Name)))
		}
	}
	height := plotTop + barStep*len(rows) + plotBottom
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" `+
		`width="%d" height="%d" role="img" aria-label="%s">`+"\n",
		plotWidth, height, plotWidth, height, html.EscapeString(w.Title))
	b.WriteString(plotStyle)
	fmt.Fprintf(&b, `<text class="title" x="8" y="20">%s</text>`+"\n", html.EscapeString(w.Title))
	fmt.Fprintf(&b, `<text x="%d" y="20" text-anchor="end">%s, %s</text>`+"\n", plotWidth-8,
		html.EscapeString(m.Name), direction)
	for i, r := range rows {
		w.bar(&b, r, plotTop+i*barStep, most)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// shortName holds the names of the references as they stand after a bar.
var shortName = map[string]string{
	nameEtcd: "etcd", nameRaftEtcd: "etcd", nameFloor: "floor", nameBareRead: "floor",
}

// bar draws one contender at height y, on a scale that ends at most.
func (w workloadResult) bar(b *strings.Builder, r row, y int, most float64) {
	values := r.values(w.Metrics[0].Name)
	at := func(v float64) float64 { return v / most * barsWidth }
	class := "peer"
	switch {
	case r.Floor:
		class = "floor"
	case r.Contender == nameOurs:
		class = "ours"
	}
	textY := y + barHeight - 4
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", labelWidth-8, textY,
		html.EscapeString(r.Contender))
	fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d"/>`+"\n", class, labelWidth,
		y, at(median(values)), barHeight)
	fmt.Fprintf(b, `<line class="spread" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n",
		labelWidth+at(slices.Min(values)), y+barHeight/2,
		labelWidth+at(slices.Max(values)), y+barHeight/2)
	value := figure(median(values))
	if names := w.references(); len(names) > 0 && r.Contender != names[0] {
		value += fmt.Sprintf(" (%s × %s)", ratio(w.against(r, names[0])), shortName[names[0]])
	}
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text>`+"\n", plotWidth-valueWidth+8, textY,
		html.EscapeString(value))
}
