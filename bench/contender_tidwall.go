package main

import (
	tidwal "github.com/tidwall/wal"
)

func tidwall() contender {
	return contender{
		name:   "tidwall/wal",
		about:  "WriteBatch under the caller's lock; bytes only: it stores neither index nor term; no checksums",
		module: "github.com/tidwall/wal",
		open:   openTidwall,
		replay: replayTidwall,
	}
}

func openTidwall(dir string, c config) (*store, error) {
	opts := *tidwal.DefaultOptions
	opts.SegmentSize, opts.NoSync = int(c.segment), c.noSync
	l, err := tidwal.Open(dir, &opts)
	if err != nil {
		return nil, err
	}
	var seq sequence
	payload := c.data()
	writer := func() func() error {
		var b tidwal.Batch
		return func() error {
			seq.Lock()
			defer seq.Unlock()
			b.Clear()
			for range c.batch {
				b.Write(seq.next(), payload)
			}
			return l.WriteBatch(&b)
		}
	}
	return &store{writer: writer, close: l.Close}, nil
}

func replayTidwall(dir string, keep bool) (tally, error) {
	opts := *tidwal.DefaultOptions
	opts.NoCopy = !keep // what is let go of at once need not be copied
	g := gathering[[]byte]{keep: keep}
	l, err := tidwal.Open(dir, &opts)
	if err != nil {
		return g.tally, err
	}
	first, err := l.FirstIndex()
	if err != nil {
		return g.tally, closing(err, l)
	}
	last, err := l.LastIndex()
	if err != nil {
		return g.tally, closing(err, l)
	}
	for i := first; i <= last; i++ {
		data, err := l.Read(i)
		if err != nil {
			return g.tally, closing(err, l)
		}
		g.add(data, len(data))
	}
	return g.tally, l.Close()
}
