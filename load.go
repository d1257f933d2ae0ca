package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
)

// loader reads a log: it finds the end, replays what is before it, and says
// what is at stake when that fails. It changes nothing on disk.
type loader struct {
	fs         vfs.FS
	dir        string
	registry   *log.Registry
	held       map[uint64]vfs.File // segments that this process has open, by number
	onSnapshot func(log.Snapshot)  // may be nil
	decodeAll  bool                // every entry, to know that its type can
}

// loaded is a log that was read.
type loaded struct {
	*replay
	names []segmentName
	end   logEnd
}

// open returns a segment's file and what to do when done with it.
func (l *loader) open(n segmentName) (vfs.File, func(), error) {
	if f, ok := l.held[n.seq]; ok {
		return f, func() {}, nil
	}
	f, err := l.fs.OpenRead(filepath.Join(l.dir, n.String()))
	if err != nil {
		return nil, nil, fmt.Errorf("wal: open segment: %w", err)
	}
	return f, func() { f.Close() }, nil
}

// load reads the segments names, which reach to the last one there is. When the
// log is corrupt the error is a *CorruptionError for its first damage, and what
// was loaded is what stands before it.
func (l *loader) load(names []segmentName) (*loaded, error) {
	run, broken := splitConsecutive(names)
	r := &replay{registry: l.registry, onSnapshot: l.onSnapshot}
	ld := &loaded{replay: r, names: names}
	r.begin(run[0])
	err := l.scanAll(run, broken == nil, func(s *scan) error {
		if s.last {
			ld.end = s.end
		}
		return r.take(s)
	})
	if err == nil && broken != nil {
		broken.cut = r.committed
		err = broken
	}
	var first *CorruptionError
	switch {
	case err == nil:
		return ld, nil
	case !errors.As(err, &first):
		return nil, err
	}
	return ld, l.stake(names, first, r.lastThere)
}

// scanAll scans consecutive segments, about as many at a time as there are processors, and
// hands the scans to take in order, until one or take fails. With toEnd the last one
// of them is the last one of the log.
func (l *loader) scanAll(names []segmentName, toEnd bool, take func(*scan) error) error {
	entries := newEntryReader(l.registry, l.decodeAll)
	workers := min(runtime.GOMAXPROCS(0), len(names))
	free := make(chan scratch, workers+1) // whoever has one may scan; it is given back once the scan was taken
	for range workers + 1 {
		free <- scratch{}
	}
	order := make(chan chan *scan, workers+1)
	var failed atomic.Bool
	go func() {
		defer close(order)
		for i, n := range names {
			memory := <-free
			if failed.Load() {
				return
			}
			s := &scan{name: n, last: toEnd && i == len(names)-1, entries: entries, notes: memory.notes}
			done := make(chan *scan, 1)
			order <- done
			go func() {
				l.scan(s, memory.buf)
				done <- s
			}()
		}
	}()
	var err error
	for done := range order {
		s := <-done
		if err == nil {
			err = take(s)
			failed.Store(err != nil)
		}
		clear(s.notes) // lets go of their data
		free <- scratch{s.dec.win.buf, s.notes[:0]}
	}
	return err
}

// scratch is the memory of one scan at a time.
type scratch struct {
	buf   []byte
	notes notes
}

// scan scans one segment.
func (l *loader) scan(s *scan, buf []byte) {
	f, done, err := l.open(s.name)
	if err != nil {
		s.err = err
		return
	}
	defer done()
	s.run(f, buf)
}

// splitConsecutive returns the names up to the first gap in their numbers, and what
// is wrong there.
func splitConsecutive(names []segmentName) ([]segmentName, *CorruptionError) {
	for i := 1; i < len(names); i++ {
		if want := names[i-1].seq + 1; names[i].seq != want {
			reason := fmt.Sprintf("it follows segment %d, segment %d is missing", names[i-1].seq, want)
			if names[i].seq < want {
				reason = fmt.Sprintf("its number is that of segment %s too", names[i-1])
			}
			return names[:i], &CorruptionError{Segment: names[i].String(), Reason: reason}
		}
	}
	return names, nil
}

// loadUnlocked loads a log that a writer may be using, from the segment that
// pick chooses. What the writer does meanwhile can look like damage or a missing file;
// such an error counts once it shows twice at the same place: a write that is in
// flight has left it by then, and damage stays.
func (l *loader) loadUnlocked(pick func([]segmentName) (int, error)) (*loaded, error) {
	before := ""
	for {
		names, err := listSegments(l.fs, l.dir)
		if err != nil {
			return nil, err
		}
		from, err := pick(names)
		if err != nil {
			return nil, err
		}
		ld, err := l.load(names[from:])
		if err == nil || !mayBeRace(err) || err.Error() == before {
			return ld, err
		}
		before = err.Error()
	}
}

// mayBeRace tells whether a writer can have caused the error: by a write that is
// only half there, by purging a segment, or by cutting prepared space off one.
func mayBeRace(err error) bool {
	return errors.Is(err, ErrCorrupt) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, io.ErrUnexpectedEOF)
}
