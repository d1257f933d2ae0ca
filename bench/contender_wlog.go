package main

import (
	"io"
	"log/slog"

	"github.com/prometheus/prometheus/tsdb/wlog"
	"github.com/prometheus/prometheus/util/compression"
)

func prometheus() contender {
	return contender{
		name: nameWlog,
		about: "Log and Sync, with the log's own lock only, no compression; bytes only: it stores " +
			"neither index nor term, and a record has a checksum of its own; without copying an entry " +
			"where none is kept",
		module: "github.com/prometheus/prometheus",
		open:   openWlog,
		replay: replayWlog,
	}
}

func openWlog(dir string, c config) (*store, error) {
	w, err := wlog.NewSize(slog.New(slog.DiscardHandler), nil, dir, int(c.segment), compression.None)
	if err != nil {
		return nil, err
	}
	payload := c.data()
	writer := func() func() error {
		batch := make([][]byte, c.batch)
		for i := range batch {
			batch[i] = payload
		}
		return func() error {
			if err := w.Log(batch...); err != nil || c.noSync {
				return err
			}
			return w.Sync()
		}
	}
	return &store{writer: writer, close: w.Close}, nil
}

func replayWlog(dir string, keep bool) (tally, error) {
	g := gathering[[]byte]{keep: keep}
	segments, err := wlog.NewSegmentsReader(dir)
	if err != nil {
		return g.tally, err
	}
	r := wlog.NewReader(segments)
	for r.Next() {
		data := r.Record() // valid until the next call
		if keep {
			data = append([]byte(nil), data...)
		}
		g.add(data, len(data))
	}
	return g.tally, closing(r.Err(), io.Closer(segments))
}
