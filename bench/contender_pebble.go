package main

import (
	"bytes"
	"encoding/binary"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

func pebbleDB() contender {
	return contender{
		name: namePebble,
		about: "a batch of Set(index, data) per save, committed with pebble.Sync; as few flushes as " +
			"there are segments: " +
			"its memtable has the size of a segment, and compactions are off; without sync it writes in " +
			"blocks, not once per save; " +
			"read with Get, with its default cache of 8 MB",
		module:     "github.com/cockroachdb/pebble/v2",
		open:       openPebble,
		replay:     replayPebble,
		openReader: readPebble,
	}
}

func pebbleOptions(segment int64) *pebble.Options {
	return &pebble.Options{
		Logger:                      silent{},
		MemTableSize:                uint64(segment),
		DisableAutomaticCompactions: true,
		FormatMajorVersion:          pebble.FormatNewest,
	}
}

func openPebble(dir string, c config) (*store, error) {
	db, err := pebble.Open(dir, pebbleOptions(c.segment))
	if err != nil {
		return nil, err
	}
	durability := pebble.Sync
	if c.noSync {
		durability = pebble.NoSync
	}
	var last atomic.Uint64
	payload := c.data()
	writer := func() func() error {
		key := make([]byte, 8)
		return func() error {
			b := db.NewBatch()
			for range c.batch {
				binary.BigEndian.PutUint64(key, last.Add(1))
				if err := b.Set(key, payload, nil); err != nil {
					return closing(err, b)
				}
			}
			return closing(b.Commit(durability), b)
		}
	}
	return &store{writer: writer, close: db.Close}, nil
}

// openPebbleForReading leaves what is in the write-ahead log there, so that every open replays it.
func openPebbleForReading(dir string) (*pebble.DB, error) {
	opts := pebbleOptions(defaultSegment)
	opts.ReadOnly = true
	return pebble.Open(dir, opts)
}

func readPebble(dir string) (*reader, error) {
	db, err := openPebbleForReading(dir)
	if err != nil {
		return nil, err
	}
	key := make([]byte, 8)
	var data []byte
	read := func(index uint64) ([]byte, error) {
		value, release, err := db.Get(binary.BigEndian.AppendUint64(key[:0], index))
		if err != nil {
			return nil, err
		}
		data = append(data[:0], value...) // value is valid only until it is released
		return data, release.Close()
	}
	return &reader{read: read, close: db.Close}, nil
}

func replayPebble(dir string, keep bool) (tally, error) {
	g := gathering[[]byte]{keep: keep}
	db, err := openPebbleForReading(dir)
	if err != nil {
		return g.tally, err
	}
	it, err := db.NewIter(nil)
	if err != nil {
		return g.tally, closing(err, db)
	}
	for ok := it.First(); ok; ok = it.Next() {
		data := it.Value()
		if keep {
			data = bytes.Clone(data) // it is valid only until the next step
		}
		g.add(data, len(data))
	}
	return g.tally, closing(closing(nil, it), db)
}

// silent is a logger that drops everything except what ends the process.
type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, args ...any) {
	pebble.DefaultLogger.Fatalf(format, args...)
}
