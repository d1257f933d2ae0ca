package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// table returns the Markdown table of a workload.
func (w workloadResult) table() string {
	main := w.Metrics[0].Name
	references := w.references()
	head := []string{"contender", main, "min – max"}
	for _, name := range references {
		head = append(head, "÷ "+name)
	}
	for _, m := range w.Metrics[1:] {
		head = append(head, m.Name)
	}
	var b strings.Builder
	writeRow(&b, head)
	b.WriteString("|---|" + strings.Repeat("--:|", len(head)-1) + "\n")
	for _, r := range w.Rows {
		if r.Absent != "" {
			writeRow(&b, append([]string{r.Contender, r.Absent},
				slices.Repeat([]string{"–"}, len(head)-2)...))
			continue
		}
		values := r.values(main)
		spread := figure(slices.Min(values)) + " – " + figure(slices.Max(values))
		cells := []string{r.Contender, figure(median(values)), spread}
		for _, name := range references {
			cells = append(cells, ratio(w.against(r, name)))
		}
		for _, m := range w.Metrics[1:] {
			cells = append(cells, figure(median(r.values(m.Name))))
		}
		writeRow(&b, cells)
	}
	return b.String()
}

func writeRow(b *strings.Builder, cells []string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// figure formats a measured value with three digits (two below 1), or with all digits before the
// point if those are more, in groups of three.
func figure(v float64) string {
	switch {
	case math.IsNaN(v) || v == 0:
		return "–"
	case v < 0.1:
		return fmt.Sprintf("%.3f", v)
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return groups(strconv.FormatFloat(v, 'f', 0, 64))
}

// groups puts commas between groups of three digits.
func groups(digits string) string {
	var groups []string
	for len(digits) > 3 {
		groups = append(groups, digits[len(digits)-3:])
		digits = digits[:len(digits)-3]
	}
	groups = append(groups, digits)
	slices.Reverse(groups)
	return strings.Join(groups, ",")
}

func ratio(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.2f", v)
}
