package main

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// example returns a result that has everything a result can have.
func example() workloadResult {
	samples := func(values ...float64) (s []sample) {
		for _, v := range values {
			s = append(s, sample{metricSaves: v, "other": v / 10})
		}
		return s
	}
	return workloadResult{
		Name: "save", Title: "Saves < 1 KiB & more",
		Metrics: []metric{{Name: metricSaves}, {"other", true}},
		Rows: []row{
			{Contender: nameOurs, Samples: samples(2000, 1000, 3000)},
			{Contender: nameEtcd, Samples: samples(1000, 1000, 1000)},
			{Contender: nameFloor, Floor: true, Samples: samples(4000, 4000, 4000)},
			{Contender: nameDirect, Floor: true, Absent: "not here"},
		},
	}
}

func TestTable(t *testing.T) {
	require.Equal(t, `| contender | saves/s | min – max | ÷ etcd wal | ÷ floor | other |
|---|--:|--:|--:|--:|--:|
| this library | 2,000 | 1,000 – 3,000 | 2.00 | 0.50 | 200 |
| etcd wal | 1,000 | 1,000 – 1,000 | 1.00 | 0.25 | 100 |
| floor | 4,000 | 4,000 – 4,000 | 4.00 | 1.00 | 400 |
| floor, direct | not here | – | – | – | – |
`, example().table())
}

func TestTableWithoutTheOnesToCompareWith(t *testing.T) {
	w := example()
	w.Rows = w.Rows[:1]
	require.Contains(t, w.table(), "| contender | saves/s | min – max | other |")
	require.Contains(t, w.table(), "| this library | 2,000 | 1,000 – 3,000 | 200 |")
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{
		0: "–", 0.0361: "0.036", 0.123: "0.12", 9.87: "9.87", 12.34: "12.3", 123.4: "123", 1234: "1,234",
		1234567: "1,234,567", 1000000: "1,000,000",
	} {
		require.Equal(t, want, figure(v))
	}
}

func TestPlotIsXMLWithABarPerContender(t *testing.T) {
	plot := example().plot()
	bars, texts := map[string]string{}, ""
	d := xml.NewDecoder(strings.NewReader(plot))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			attributes := map[string]string{}
			for _, a := range token.Attr {
				attributes[a.Name.Local] = a.Value
			}
			if token.Name.Local == "rect" {
				bars[attributes["class"]] = attributes["width"]
			}
		case xml.CharData:
			texts += string(token)
		}
	}
	require.Equal(t, map[string]string{"ours": "210.0", "peer": "105.0", "floor": "420.0"}, bars,
		"of 420 pixels")
	require.Contains(t, texts, "Saves < 1 KiB & more")
	require.Contains(t, texts, "2,000 (2.00 × etcd)")
	require.Contains(t, texts, "more is better")
}

func TestPlotComparesWithTheFloorWhereEtcdHasNoPart(t *testing.T) {
	w := example()
	require.NotContains(t, w.plot(), "× floor")
	w.Rows = slices.Delete(w.Rows, 1, 2)
	require.Contains(t, w.plot(), "2,000 (0.50 × floor)")
	require.NotContains(t, w.plot(), "4,000 (")
	w.Rows = w.Rows[:1]
	require.NotContains(t, w.plot(), "×")
}

// A bar says what it is compared with.
func TestEveryReferenceHasAShortName(t *testing.T) {
	for _, w := range workloads() {
		var rows workloadResult
		for _, name := range w.who {
			c, err := (&bench{all: contenders()}).contender(name)
			require.NoError(t, err)
			rows.Rows = append(rows.Rows, row{Contender: name, Floor: c.floor})
		}
		for _, name := range rows.references() {
			require.NotEmpty(t, shortName[name], "%s: %s", w.name, name)
		}
	}
}

func TestReportIsTheSameForTheSameResult(t *testing.T) {
	r := result{Date: "1 May 2026", Command: "make bench", Rounds: 3, Scale: 0.5,
		Workloads: []workloadResult{example()}}
	require.Equal(t, r.markdown(), r.markdown())
	require.Contains(t, r.markdown(), "Measured on 1 May 2026 with `make bench`.")
	require.Equal(t, example().plot(), example().plot())
}
