package main

import (
	"math"

	tidwal "github.com/tidwall/wal"
)

func tidwall() contender {
	return contender{
		name: nameTidwall,
		about: "WriteBatch under the caller's lock; bytes only: it stores neither index nor term; no " +
			"checksums; " +
			"it reads from whole segments in memory, of which it keeps two, the default; without copying " +
			"an entry where all are read and none is kept",
		module: "github.com/tidwall/wal",
		open:   openTidwall,
		replay: replayTidwall,
		openReader: func(dir string) (*reader, error) {
			return readTidwall(dir, tidwal.DefaultOptions.SegmentCacheSize)
		},
	}
}

// tidwallCached is the same log, with a cache that holds all of it in memory. A program may afford
// that, but no other log can do it.
func tidwallCached() contender {
	return contender{
		name: nameTidwallCached,
		about: "the same with a cache for every segment, filled before the measuring: reads come " +
			"from the program's own memory, which holds the whole log",
		module:     "github.com/tidwall/wal",
		open:       openTidwall,
		openReader: func(dir string) (*reader, error) { return readTidwall(dir, math.MaxInt32) },
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
	stream := func(visit func(data []byte) bool) error { return eachTidwall(l, visit) }
	return &store{writer: writer, stream: stream, close: l.Close}, nil
}

func replayTidwall(dir string, keep bool) (tally, error) {
	opts := *tidwal.DefaultOptions
	opts.NoCopy = !keep // an entry that is not kept need not be copied
	g := gathering[[]byte]{keep: keep}
	l, err := tidwal.Open(dir, &opts)
	if err != nil {
		return g.tally, err
	}
	err = eachTidwall(l, func(data []byte) bool {
		g.add(data, len(data))
		return true
	})
	return g.tally, closing(err, l)
}

// eachTidwall reads the entries one by one, by index, until visit returns false.
func eachTidwall(l *tidwal.Log, visit func(data []byte) bool) error {
	first, err := l.FirstIndex()
	if err != nil {
		return err
	}
	last, err := l.LastIndex()
	if err != nil {
		return err
	}
	for i := first; i <= last; i++ {
		data, err := l.Read(i)
		if err != nil {
			return err
		}
		if !visit(data) {
			break
		}
	}
	return nil
}

func readTidwall(dir string, cachedSegments int) (*reader, error) {
	opts := *tidwal.DefaultOptions
	opts.SegmentCacheSize = cachedSegments
	l, err := tidwal.Open(dir, &opts)
	if err != nil {
		return nil, err
	}
	return &reader{read: l.Read, close: l.Close}, nil
}
