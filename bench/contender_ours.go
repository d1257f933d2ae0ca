package main

import (
	"time"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// inFlightSaves is how many saves a writer has in flight at most: it waits for the oldest save
// before it uses the entries of that save again.
const inFlightSaves = 16 << 10

func ours() contender {
	return contender{
		name: nameOurs,
		about: "Save; concurrent writers call Append under the caller's lock, which gives the index, " +
			"and Wait outside it; " +
			"read with Entry and ReadEntries, which verify every record again; the default entry type",
		module:     "github.com/seed449c39bc/wal",
		open:       openOurs,
		replay:     replayOurs,
		openReader: readOurs,
		reopen:     reopenOurs,
	}
}

// oursKept is the same log, read so that each entry is the caller's to keep.
func oursKept() contender {
	return contender{
		name:   nameOursKept,
		about:  "the same, read with Entries: each entry is a new one, which the caller may keep",
		module: "github.com/seed449c39bc/wal",
		open:   openOurs,
		replay: streamKept,
	}
}

// oursRecords is the same log, read as it stands in the files, which takes one pass.
func oursRecords() contender {
	return contender{
		name: nameOursRecords,
		about: "the same, read with Records: each record is verified once and handed out as it stands " +
			"in the file, also an entry that a later one replaces; valid until the next one",
		module: "github.com/seed449c39bc/wal",
		open:   openOurs,
		replay: streamRecords,
	}
}

// oursDelayed is the same log, with saves that may wait in memory.
func oursDelayed() contender {
	return contender{
		name: nameOursDelayed,
		about: "the same, WithWriteDelay of 5 ms: saves wait in memory, and a kill of the process " +
			"loses at most those of the last 5 ms",
		module: "github.com/seed449c39bc/wal",
		open: func(dir string, c config) (*store, error) {
			return openOursWith(dir, c, wal.WithWriteDelay(5*time.Millisecond))
		},
	}
}

type ourLog struct {
	config
	sequence
	w       *wal.WAL
	payload []byte
}

func openOurs(dir string, c config) (*store, error) { return openOursWith(dir, c) }

func openOursWith(dir string, c config, opts ...wal.Option) (*store, error) {
	opts = append(opts, wal.WithSegmentSize(c.segment))
	if c.noSync {
		opts = append(opts, wal.WithNoSync())
	}
	w, err := wal.Create(nil, dir, []byte("bench"), opts...)
	if err != nil {
		return nil, err
	}
	l := &ourLog{config: c, w: w, payload: c.data()}
	s := &store{writer: l.saver, stream: l.stream, close: w.Close}
	switch {
	case c.inFlight:
		s.writer, s.flush = l.appender, w.Sync
	case c.writers > 1, c.halves:
		s.writer = l.sharer
	}
	return s, nil
}

// batchOf returns the entries of a save, whose indexes number sets.
func (l *ourLog) batchOf() (ents []log.LogEntry, number func()) {
	raw := make([]walpb.Entry, l.batch)
	for i := range raw {
		raw[i] = walpb.Entry{Term: 1, Data: l.payload}
		ents = append(ents, &raw[i])
	}
	return ents, func() {
		for i := range raw {
			raw[i].Index = l.next()
		}
	}
}

// saver saves as the only writer.
func (l *ourLog) saver() func() error {
	ents, number := l.batchOf()
	return func() error {
		number()
		return l.w.SaveEntry(ents)
	}
}

// sharer saves as one of several writers: only the order is decided under the lock, so saves can
// share a sync.
func (l *ourLog) sharer() func() error {
	ents, number := l.batchOf()
	return func() error {
		l.Lock()
		number()
		p, err := l.w.Append(nil, ents)
		l.Unlock()
		if err != nil {
			return err
		}
		return p.Wait()
	}
}

// appender keeps saves in flight.
func (l *ourLog) appender() func() error {
	type flight struct {
		ents    []log.LogEntry
		number  func()
		pending *wal.Pending
	}
	flights := make([]flight, inFlightSaves)
	for i := range flights {
		flights[i].ents, flights[i].number = l.batchOf()
	}
	n := 0
	return func() (err error) {
		f := &flights[n%len(flights)]
		n++
		if f.pending != nil {
			if err := f.pending.Wait(); err != nil {
				return err
			}
		}
		f.number()
		f.pending, err = l.w.Append(nil, f.ents)
		return err
	}
}

func (l *ourLog) stream(visit func(data []byte) bool) error {
	for e, err := range l.w.Entries(l.w.FirstIndex(), l.w.LastIndex()+1) {
		if err != nil || !visit(e.(*walpb.Entry).Data) {
			return err
		}
	}
	return nil
}

func replayOurs(dir string, keep bool) (tally, error) {
	if keep {
		return readAllOurs(dir)
	}
	var t tally
	r, err := wal.OpenForRead(nil, dir, nil)
	if err != nil {
		return t, err
	}
	var e walpb.Entry
	for _, err := range r.ReadEntries(r.FirstIndex(), r.LastIndex()+1, &e) {
		if err != nil {
			return t, closing(err, r)
		}
		t.count(len(e.Data))
	}
	return t, r.Close()
}

// streamKept reads the entries one after the other, each as a new one. keep makes no difference.
func streamKept(dir string, _ bool) (tally, error) {
	var t tally
	r, err := wal.OpenForRead(nil, dir, nil)
	if err != nil {
		return t, err
	}
	for e, err := range r.Entries(r.FirstIndex(), r.LastIndex()+1) {
		if err != nil {
			return t, closing(err, r)
		}
		t.count(len(e.(*walpb.Entry).Data))
	}
	return t, r.Close()
}

// streamRecords reads the records as they stand in the files. keep makes no difference.
func streamRecords(dir string, _ bool) (tally, error) {
	var t tally
	for rec, err := range wal.Records(dir) {
		if err != nil {
			return t, err
		}
		if rec.Type != log.EntryType {
			continue
		}
		var e walpb.Entry
		if err := e.UnmarshalShared(rec.Data); err != nil {
			return t, err
		}
		t.count(len(e.Data))
	}
	return t, nil
}

func readAllOurs(dir string) (tally, error) {
	var t tally
	w, err := wal.Open(nil, dir, nil)
	if err != nil {
		return t, err
	}
	_, _, ents, err := w.ReadAll()
	for _, e := range ents {
		t.count(len(e.(*walpb.Entry).Data))
	}
	return t, closing(err, w)
}

func readOurs(dir string) (*reader, error) {
	r, err := wal.OpenForRead(nil, dir, nil)
	if err != nil {
		return nil, err
	}
	read := func(index uint64) ([]byte, error) {
		e, err := r.Entry(index)
		if err != nil {
			return nil, err
		}
		return e.(*walpb.Entry).Data, nil
	}
	limit := func(lo, hi, maxBytes uint64) (int, error) {
		ents, err := r.EntriesLimit(lo, hi, maxBytes)
		return len(ents), err
	}
	return &reader{read: read, limit: limit, close: r.Close}, nil
}

func reopenOurs(dir string) (int, error) {
	w, err := wal.Open(nil, dir, nil)
	if err != nil {
		return 0, err
	}
	return int(w.LastIndex() + 1 - w.FirstIndex()), w.Close()
}
