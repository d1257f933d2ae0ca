package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"time"

	"github.com/seed449c39bc/wal/internal/crc32c"
	"github.com/seed449c39bc/wal/internal/vfs"
)

// Reading beside a writer
//
// OpenForRead, Verify, ValidSnapshots, Records and Backup read a log that a writer may be using.
// They take no lock, and what they read is not one moment: not a listing, not a file, not even one
// read. What they can see of a writer, and why each is told from damage:
//
//   - A write in flight. A writer writes behind all that was written before, so what was there when
//     a reading began is whole. Of the write itself any part may show, and of the writes after it
//     too: the reading has passed the place before the first of them, and comes to the next place
//     after the last. Then the record behind the last whole save seems torn, or, where a later
//     record says SYNCED, damaged. Read again, it is whole: the later record was written only when
//     it was on stable storage. A write that is still under way shows more of itself the next
//     time. Damage and a torn tail stand still.
//   - A cut makes the last segment as long as what is in it, and names the next one. A read of the
//     space that was prepared then ends early, and a segment without such space may be longer than
//     it was. Read again, it ends behind a whole save. A segment that has one behind it is not
//     written any more, so all but the last one of a listing are judged by what is read once.
//   - A purge removes the oldest segment, then the next, and so on. One that was listed and is gone
//     when it is opened was purged, and so were all before it: the log begins behind it. What it
//     was purged for, be it a snapshot, may have been saved after the end was read, so the end is
//     read once more after that, with the segments that have come since.
//   - A listing may leave out a name that comes or goes meanwhile. Names come in ascending order,
//     and go in that order. A number that is missing between others in three listings in a row was
//     lost: if a purge made it be missing in the first, all lower numbers were gone before the
//     second began; if it was only about to come, it was there before the second began, and a purge
//     during the second was done with all lower numbers before the third.
//   - An open that heals writes what is there already, and zeros over a torn tail, from its front.
//     That looks torn, or like the end, or like damage where a byte is just being written, which
//     does not stand still. Truncations, restores and compactions are records like any other.
//
// So the end of the last segment is read again from the last whole save on, and no further than the
// segment reached the first time. What stops the reading at the same place three times is damage. A
// torn tail is reported if it was made of the same bytes three times; if they change, a writer is
// at work, and the tail is its write. Damage does not move, whatever a writer does behind it, so
// it is reported after three readings of the end.

// besideReads is how many times damage, a torn tail or a gap must be seen to be one.
const besideReads = 3

// besidePause is how long the last read waits for a write that seemed to stand still.
const besidePause = time.Millisecond

// sighting is what one reading of the end came to.
type sighting struct {
	off  int64 // where there was no further record
	err  error // why the reading failed; nil: it ended
	torn bool
	size int64  // the segment's length by now
	read int64  // its length as far as it was to be read
	sum  uint32 // of a torn tail: over all that stands behind off
}

// witness decides how often the end of a log is read again.
type witness struct {
	last  sighting
	times int  // readings that ended at the same place
	moved bool // something changed from one to the next: a writer is at work
}

// doubts tells whether what was seen may come of a writer, and has to be looked at again.
func (w *witness) doubts(now sighting) bool {
	if now.err == nil && !now.torn || now.err != nil && !mayBeRace(now.err) {
		return false
	}
	same := now.off == w.last.off && now.sum == w.last.sum
	w.moved = w.moved || now.size != now.read || w.times > 0 && !same
	if now.off != w.last.off {
		w.times = 0
	}
	w.last = now
	w.times++
	if w.times == besideReads || now.torn && w.moved {
		return false
	}
	if runtime.Gosched(); w.times == besideReads-1 {
		time.Sleep(besidePause)
	}
	return true
}

// mayBeRace tells whether a writer can have caused the error: by a write that is
// only half there, or by cutting prepared space off.
func mayBeRace(err error) bool {
	return errors.Is(err, ErrCorrupt) || errors.Is(err, io.ErrUnexpectedEOF)
}

// confirmEnd reads the end of the last segment, which was scanned, again as long as that is in doubt.
func (s *scan) confirmEnd(f vfs.File) {
	for w := (witness{}); ; {
		size, err := f.Size()
		if err != nil {
			s.err = fmt.Errorf("wal: size of segment %s: %w", s.name, err)
			return
		}
		now := sighting{off: s.dec.off, err: s.err, size: size, read: s.dec.win.size}
		if now.torn = s.err == nil && s.end.torn != nil; now.torn {
			now.sum, now.err = s.dec.win.sum(now.off)
		}
		if !w.doubts(now) {
			if now.torn && w.moved {
				s.end.torn = nil
			}
			return
		}
		s.rewind(min(size, s.dec.win.size))
		s.read()
	}
}

// sum is a checksum over what stands in the file from off on, without the zeros at its end.
func (w *window) sum(off int64) (sum uint32, err error) {
	w.forget()
	for p, err := range w.stretch(off, w.size) {
		if err != nil {
			return 0, err
		}
		if used := trimZeros(p.data); len(used) > 0 {
			sum = crc32c.Update(sum, fmt.Append(nil, p.off))
			sum = crc32c.Update(sum, used)
		}
	}
	return sum, nil
}

// errMovedOn is returned when hardly anything is left of what was listed.
var errMovedOn = errors.New("wal: the log has moved on")

// loadBeside loads a log that a writer may be using, from the segment that pick chooses. Segments
// that are purged meanwhile are left out: the log begins behind them.
func (l *loader) loadBeside(pick picker) (*loaded, error) {
	l.beside = true
	for {
		names, err := listBeside(l.dir)
		if err != nil {
			return nil, err
		}
		from, err := pick(names)
		if err != nil {
			return nil, err
		}
		l.gone = nil
		ld, err := l.load(names[from:])
		if err != errMovedOn {
			return ld, err
		}
	}
}

// beginBehind begins a replay anew behind a segment that was purged before it could be opened, and
// all those before it too. It is errMovedOn if that was the last one that is being scanned.
func (l *loader) beginBehind(ld *loaded, gone segmentName, scanned []segmentName) error {
	l.gone = &gone
	if gone == scanned[len(scanned)-1] {
		if _, err := leftOf(l.dir, gone); err != nil {
			return err
		}
		return errMovedOn
	}
	*ld = *l.begin(ld.names[slices.Index(ld.names, gone)+1:])
	return nil
}

// readOn reads on from the end of s, which was the last segment when they were listed, and returns
// those behind it by now. It is needed when a segment was purged that was to be read: without
// what the purge was for the log would seem to have lost its beginning.
func (l *loader) readOn(ld *loaded, s *scan) (more []segmentName, err error) {
	left, err := leftOf(l.dir, *l.gone)
	if err != nil {
		return nil, err
	}
	l.gone = nil
	at := slices.Index(left, s.name)
	if at < 0 || left[0].seq < ld.names[0].seq || len(gapsIn(left[at:])) > 0 {
		return nil, errMovedOn
	}
	f, done, err := l.open(s.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errMovedOn
	}
	if err != nil {
		return nil, err
	}
	defer done()
	size, err := f.Size()
	if err != nil {
		return nil, fmt.Errorf("wal: size of segment %s: %w", s.name, err)
	}
	more = left[at+1:]
	s.last = len(more) == 0
	s.dec.exact, s.dec.win.f = s.last, f
	s.rewind(size)
	if s.read(); s.last {
		s.confirmEnd(f)
	}
	ld.names = slices.Concat(ld.names, more)
	return more, nil
}

// leftOf returns the segments that are left in a directory when segment n, which was listed, could
// not be opened. It was purged, or somebody removed it; if it is still listed, that is the error.
func leftOf(d vfs.Dir, n segmentName) ([]segmentName, error) {
	names, err := listBeside(d)
	if err == nil && slices.Contains(names, n) {
		err = fmt.Errorf("wal: segment %s is in %s and cannot be opened; is it a link to nothing? %w",
			n, d.Path(), fs.ErrNotExist)
	}
	return names, err
}

// listBeside returns the segments there are. A gap in their numbers, if there is one, was there
// in three listings.
func listBeside(d vfs.Dir) ([]segmentName, error) {
	var gaps []gap
	for times := 1; ; times++ {
		names, err := listSegments(d)
		if err != nil {
			return nil, err
		}
		now := gapsIn(names)
		if times > 1 {
			now = common(gaps, now)
		}
		if gaps = now; len(gaps) == 0 {
			if gaps, times = gapsIn(names), 1; len(gaps) == 0 {
				return names, nil
			}
		}
		if times == besideReads {
			return names, nil
		}
	}
}

// gap is a range of numbers that no segment has, between some that segments have.
type gap struct{ from, to uint64 } // both are missing

func gapsIn(names []segmentName) (gaps []gap) {
	for i := 1; i < len(names); i++ {
		switch before, n := names[i-1].seq, names[i].seq; {
		case n == before: // two have it: that is no gap, and no writer's doing
			gaps = append(gaps, gap{n, n})
		case n > before+1:
			gaps = append(gaps, gap{before + 1, n - 1})
		}
	}
	return gaps
}

// common returns what is in both of two lists.
func common(a, b []gap) (both []gap) {
	for _, x := range a {
		for _, y := range b {
			if from, to := max(x.from, y.from), min(x.to, y.to); from <= to {
				both = append(both, gap{from, to})
			}
		}
	}
	return both
}
