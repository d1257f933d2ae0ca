package main

import (
	"errors"
	"io"

	rosedwal "github.com/rosedblabs/wal"
)

func rosed() contender {
	return contender{
		name: nameRosed,
		about: "Write with the option Sync; batches: PendingWrites, WriteAll and Sync under the " +
			"caller's lock; bytes only: it stores neither index nor term",
		module: "github.com/rosedblabs/wal",
		open:   openRosed,
		replay: replayRosed,
	}
}

func rosedOptions(dir string) rosedwal.Options {
	opts := rosedwal.DefaultOptions
	opts.DirPath = dir
	return opts
}

func openRosed(dir string, c config) (*store, error) {
	opts := rosedOptions(dir)
	opts.SegmentSize, opts.Sync = c.segment, !c.noSync
	w, err := rosedwal.Open(opts)
	if err != nil {
		return nil, err
	}
	payload := c.data()
	save := func() error {
		_, err := w.Write(payload)
		return err
	}
	if c.batch > 1 {
		save = rosedBatch(w, c)
	}
	return &store{writer: func() func() error { return save }, close: w.Close}, nil
}

// rosedBatch returns a function that saves several entries as one batch. A lock keeps the batches
// of several writers apart.
func rosedBatch(w *rosedwal.WAL, c config) func() error {
	var order sequence
	payload := c.data()
	return func() error {
		order.Lock()
		defer order.Unlock()
		for range c.batch {
			w.PendingWrites(payload)
		}
		if _, err := w.WriteAll(); err != nil || c.noSync {
			return err
		}
		return w.Sync()
	}
}

func replayRosed(dir string, keep bool) (tally, error) {
	g := gathering[[]byte]{keep: keep}
	w, err := rosedwal.Open(rosedOptions(dir))
	if err != nil {
		return g.tally, err
	}
	r := w.NewReader()
	for {
		data, _, err := r.Next()
		if errors.Is(err, io.EOF) {
			return g.tally, w.Close()
		}
		if err != nil {
			return g.tally, closing(err, w)
		}
		g.add(data, len(data))
	}
}
