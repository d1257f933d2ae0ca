package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"sync/atomic"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
)

// loader reads a log: it finds the end and replays what is before it. If that fails, it says which
// entries are lost. It changes nothing on disk.
type loader struct {
	dir       vfs.Dir
	registry  *log.Registry
	held      map[uint64]vfs.File     // segments that this process has open, by number
	before    []segmentName           // those before the first one that is read
	maxFiles  int                     // how many are open at a time, at most; 0: any number
	wanted    func(index uint64) bool // which snapshots to keep; nil: none
	decodeAll bool                    // decode every entry, to see whether its type can
	beside    bool                    // a writer may be at work: beside.go
	gone      *segmentName            // a segment that was purged after it was listed; nil: none
	failed    bool                    // a segment could be opened, and not read
	skip      bool                    // after damage, begin anew: survey.go

	// positionOnly says that only the position of damage is asked for, not which entries are lost.
	positionOnly bool
}

// picker chooses the segment from which a log is read: it returns the position of that segment in
// names.
type picker func(names []segmentName) (int, error)

// loadFunc is a way to load a log: under locks, or beside a writer.
type loadFunc func(picker) (*loaded, error)

// loaded is a log that was read.
type loaded struct {
	*replay
	names []segmentName
	end   logEnd

	damage error   // with skip: the first damage, which is before names; nil: none
	whole  *loaded // what stands before that

	tookBack bool   // pending jumps were taken back: see start.check
	jumped   uint64 // the last index before that, which is still the last one on disk
}

// open returns a segment's file, and a function that the caller calls when it is done with the
// file.
func (l *loader) open(n segmentName) (vfs.File, func(), error) {
	if f, ok := l.held[n.seq]; ok {
		return f, func() {}, nil
	}
	f, err := l.dir.OpenRead(n.String())
	if err != nil {
		return nil, nil, fmt.Errorf("wal: open segment: %w", manyFiles(err))
	}
	return f, func() { f.Close() }, nil
}

// load reads the segments names, the last of which is the last one of the log. If the log is
// corrupt, the error is a *CorruptionError for the first damage, and what is loaded is what stands
// before it. With skip, it is what stands after the last damage, and no error, unless the last
// segment itself is bad.
func (l *loader) load(names []segmentName) (*loaded, error) {
	ld := l.begin(names)
	l.failed = false
	var err error
	for left := names; err == nil && len(left) > 0; {
		run, broken := splitConsecutive(left)
		left = left[len(run):]
		more, failed := l.replay(ld, run, broken == nil)
		switch {
		case failed != nil || broken == nil:
			left, err = more, failed
		case l.skip:
			broken.truncateTo = ld.committed
			l.skipTo(ld, left, broken)
		default:
			broken.truncateTo = ld.committed
			err = broken
		}
	}
	switch {
	case err != nil:
		err = l.explain(ld, err)
		if !errors.As(err, new(*CorruptionError)) {
			return nil, err
		}
	case ld.damage != nil:
		ld.damage = l.explain(ld.whole, ld.damage)
		if len(ld.names) == 0 {
			return ld.whole, ld.damage
		}
	}
	return ld, err
}

// explain completes the error of a load. If it is about damage, it says in which log that is, and
// which entries stand after it. before is what stands before the damage.
func (l *loader) explain(before *loaded, err error) error {
	var c *CorruptionError
	if errors.As(err, &c) && !l.positionOnly {
		err = l.addLostEntries(before.names, c, before.lastThere)
	}
	return inDir(err, l.dir.Path())
}

// replay scans consecutive segments and takes them into ld. If toEnd is true, the last of them is
// the last one of the log. If segments have come after that one that have to be read too, replay
// returns them.
func (l *loader) replay(ld *loaded, run []segmentName, toEnd bool) (more []segmentName, err error) {
	err = l.scanAll(run, toEnd, func(s *scan) (err error) {
		if s.missing && l.beside {
			return l.beginBehind(ld, s.name, run)
		}
		if s.last && l.gone != nil && s.err == nil {
			if more, err = l.readOn(ld, s); err != nil {
				return err
			}
		}
		return l.take(ld, s)
	})
	return more, err
}

// take takes a scan into ld. With skip, if the segment is bad, ld begins anew: with the segment, if
// it only does not follow what was before it, or after it.
func (l *loader) take(ld *loaded, s *scan) error {
	at := ld.segments
	if s.last {
		ld.end = s.end
	}
	err := ld.take(s)
	if err == nil || s.unopened {
		return err
	}
	l.failed = true
	switch {
	case !l.skip:
		return err
	case at > 0:
		l.skipTo(ld, ld.names[at:], err)
		return l.take(ld, s)
	}
	l.skipTo(ld, ld.names[1:], err)
	return nil
}

// skipTo begins ld anew with the segments names, because of damage before them. There may be none.
func (l *loader) skipTo(ld *loaded, names []segmentName, damage error) {
	whole := ld.whole
	if ld.damage != nil {
		damage = ld.damage
	} else {
		before := *ld
		whole = &before
	}
	if *ld = (loaded{}); len(names) > 0 {
		*ld = *l.begin(names)
	}
	ld.damage, ld.whole = damage, whole
}

// begin returns a log that is yet to be read from the segments names.
func (l *loader) begin(names []segmentName) *loaded {
	r := &replay{registry: l.registry, wanted: l.wanted}
	r.begin(names[0])
	return &loaded{replay: r, names: names}
}

// scanAll scans consecutive segments, about as many at a time as there are processors, and hands
// the scans to take in order, until take fails. If toEnd is true, the last segment is the last one
// of the log.
func (l *loader) scanAll(names []segmentName, toEnd bool, take func(*scan) error) error {
	entries := codec.NewIndexReader(l.registry, l.decodeAll)
	scans := min(runtime.GOMAXPROCS(0), len(names)) + 1
	if l.maxFiles > 0 {
		scans = min(scans, l.maxFiles) // each has one file open
	}
	free := make(chan scratch, scans) // one for each scan under way, until the scan was taken
	for range scans {
		free <- scratch{}
	}
	order := make(chan chan *scan, scans)
	var failed atomic.Bool
	go func() {
		defer close(order)
		for i, n := range names {
			memory := <-free
			if failed.Load() {
				return
			}
			s := &scan{name: n, last: toEnd && i == len(names)-1, entries: entries, edits: memory.edits}
			done := make(chan *scan, 1)
			order <- done
			go func() {
				defer func() { done <- s }()
				codec.InWorker(&s.err, func() { l.scan(s, memory.buf) })
			}()
		}
	}()
	// When scanAll has ended, no scan reads a file any more, even if take ends the goroutine.
	defer func() {
		failed.Store(true)
		for done := range order {
			<-done
			free <- scratch{}
		}
	}()
	var err error
	for done := range order {
		s := <-done
		if err == nil {
			err = take(s)
			failed.Store(err != nil)
		}
		clear(s.edits) // lets go of their data
		free <- scratch{s.dec.win.buf, s.edits[:0]}
	}
	return err
}

// scratch is memory for one scan, which another one uses after it.
type scratch struct {
	buf   []byte
	edits edits
}

// scan scans one segment, with buf as its buffer. What fails is in s.err.
func (l *loader) scan(s *scan, buf []byte) {
	f, done, err := l.open(s.name)
	if err != nil {
		s.err, s.unopened, s.missing = err, true, errors.Is(err, fs.ErrNotExist)
		return
	}
	defer done()
	s.run(f, buf)
	if s.last && l.beside {
		s.confirmEnd(f)
	}
}

// blamesSegment reports whether the reason for err, with which a load ended, is what a segment
// holds or hides. If not, another try may succeed.
func (l *loader) blamesSegment(err error) bool {
	return err != nil && (l.failed || errors.As(err, new(*CorruptionError)))
}

// splitConsecutive returns the names up to the first gap in their numbers, and an error that says
// what is wrong there; nil if there is no gap.
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

// addLostEntries completes a corruption's error with the entries that stand after the damage, as
// far as they can be made out. lastBefore is the last index before it.
func (l *loader) addLostEntries(names []segmentName, c *CorruptionError, lastBefore uint64) error {
	s := salvage{entries: codec.NewIndexReader(l.registry, false)}
	behind := false
	for _, n := range names {
		from := int64(0)
		if !behind {
			if n.String() != c.Segment {
				continue
			}
			behind = true
			s.damage = frame.Position{Seq: n.seq, Off: c.Offset}
			if from = c.Offset; c.truncateTo.Seq == n.seq {
				from = c.truncateTo.Off // what is intact in the same save is lost with it
			}
		}
		f, done, err := l.open(n)
		if err != nil {
			return c // which entries are lost stays unknown
		}
		win := window{f: f, name: n.String()}
		if win.size, err = f.Size(); err == nil {
			// What cannot be read stays unknown.
			s.segment(&win, frame.Position{Seq: n.seq, Off: from}, lastBefore)
		}
		done()
	}
	if s.high > 0 {
		c.FirstIndex, c.LastIndex = min(s.low, lastBefore+1), s.high
	}
	if s.newer != nil {
		c.Err = errors.Join(c.Err, s.newer)
	}
	return c
}

// checkState returns an error if the state cannot be decoded.
func (ld *loaded) checkState(reg *log.Registry) error {
	if _, _, err := codec.DecodeState(reg, ld.state); err != nil {
		return fmt.Errorf("wal: state saved last: %w", err)
	}
	return nil
}
