package main

import (
	"errors"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

func ours(closes bool) peer {
	p := peer{
		name: "wal, not closed", about: "copied while it is open, as a crash leaves it",
		module: "github.com/seed449c39bc/wal",
		create: createOurs, read: readOurs,
	}
	if closes {
		p.name, p.about, p.closes = "wal, closed", "closed cleanly", true
	}
	return p
}

type ourLog struct{ w *wal.WAL }

func createOurs(dir string) (writer, error) {
	w, err := wal.Create(nil, dir, []byte("metadata"), wal.WithSegmentSize(segmentSize))
	return ourLog{w}, err
}

func (l ourLog) save(batch []entry) error {
	ents := make([]log.LogEntry, len(batch))
	for i, e := range batch {
		ents[i] = &walpb.Entry{Index: e.index, Term: e.term, Data: e.data}
	}
	return l.w.SaveEntry(ents)
}

func (l ourLog) close() error { return l.w.Close() }

func readOurs(dir string) (got []string, err error) {
	w, err := wal.Open(nil, dir, nil, wal.WithSegmentSize(segmentSize))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	_, _, ents, err := w.ReadAll()
	for _, ent := range ents {
		e := ent.(*walpb.Entry)
		got = append(got, entry{e.Index, e.Term, e.Data}.words())
	}
	return got, err
}
