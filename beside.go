package wal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"time"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// This file is how a log is read that a writer may be using, by OpenForRead, Verify, ValidSnapshots,
// Records and Backup. A reader takes no lock, and several reads of a disk are not one moment. What
// it can see of a writer, and why each is told from damage:
//
//   - A write in flight. It goes behind all that was written before, so what was there when the
//     reading began is whole. Of the write itself any part may show, and of the writes after it
//     too: the reader has read the beginning before the first one, and reads on after the last.
//     Behind the last whole save there seems to be a torn one then, or, if a record with SYNCED
//     behind it shows, a damaged one. Read again, the record that was missing is there: the one
//     with SYNCED is written only when those before it are on stable storage. A write that is
//     still on its way shows more of itself. Damage and a torn tail stand still.
//   - A cut. The last segment becomes as long as what is in it, and the next one appears. A read of
//     the space that was prepared then ends early. Read again with the new length, the segment
//     ends behind a whole save. No byte of it is written any more, so all segments but the last of a
//     listing are judged by what is read once.
//   - A purge removes the oldest segment, then the next, and so on; names appear in ascending order.
//     A segment that is listed and cannot be found when it is opened was purged, and all before
//     it are too: the log begins behind it, and the end is read once more, because what it was purged
//     for, be it a snapshot, may have been saved after the end was read. A listing is not one moment either, and may leave out a
//     name that comes or goes meanwhile, so that there seems to be a gap. A number that is missing
//     between others in three listings in a row was lost. For a purge that made it be missing in the
//     first one was done with all lower numbers before the second one began; a cut had given it
//     its name before the second one, and a purge that took it during the second one was
//     done with the lower ones before the third.
//   - A healing open, and a truncation. Healing writes what is there already, and zeros over a torn
//     tail, from its beginning on: that is torn as well, or the end, or looks like damage at the one
//     byte that is being written; it does not stand still. Truncations are records.
//
// So the end of the log is read again, from the last whole save on, and no further than the
// segment reached: damage is what is found at the same place three times, and a torn tail is
// reported if the same bytes were found three times. A writer that changes them proves
// itself to be there, and what is torn is its write. Damage does not move, so it is reported after
// three reads, whatever the writer does behind it.

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
	w.moved = w.moved || now.size != now.read || w.times > 0 && (now.off != w.last.off || now.sum != w.last.sum)
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

// settle reads the end of the last segment, which was scanned, again as long as that is in doubt.
func (s *scan) settle(f vfs.File) {
	for w := (witness{}); ; {
		size, err := f.Size()
		if err != nil {
			s.err = fmt.Errorf("wal: size of segment %s: %w", s.name, err)
			return
		}
		now := sighting{off: s.dec.off, err: s.err, torn: s.err == nil && s.end.torn != nil, size: size, read: s.dec.win.size}
		if now.torn {
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
			sum = crc32.Update(sum, castagnoli, fmt.Append(nil, p.off))
			sum = crc32.Update(sum, castagnoli, used)
		}
	}
	return sum, nil
}

// errMovedOn is returned when hardly anything is left of what was listed.
var errMovedOn = errors.New("wal: the log has moved on")

// loadBeside loads a log that a writer may be using, from the segment that pick chooses. Segments that
// are purged meanwhile are left out: the log begins behind them.
func (l *loader) loadBeside(pick func([]segmentName) (int, error)) (*loaded, error) {
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
		if l.gone != nil && errors.Is(err, fs.ErrNotExist) {
			if _, err := leftOf(l.dir, *l.gone); err != nil {
				return nil, err
			}
			err = errMovedOn
		}
		if err != errMovedOn {
			return ld, err
		}
	}
}

// beginBehind begins a replay anew behind a segment that was purged before it could be read, and all
// those before it too. It tells whether there is one behind it among those that are being scanned.
func (l *loader) beginBehind(ld *loaded, gone segmentName, scanned []segmentName) bool {
	l.gone = &gone
	if gone == scanned[len(scanned)-1] {
		return false
	}
	*ld = *l.begin(ld.names[slices.Index(ld.names, gone)+1:])
	return true
}

// readOn reads on from the end of s, which was the last segment when they were listed, and returns those
// behind it by now. It has to be when a segment was purged that was to be read: what the purge was
// for, be it a snapshot, may have been saved after the end was read, and without it the
// log would seem to have lost its beginning.
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
		s.settle(f)
	}
	ld.names = slices.Concat(ld.names, more)
	return more, nil
}

// leftOf returns the segments that are left in a directory when segment n, which was listed, could not be
// opened. It was purged, and those before it too, or somebody removed it; if it is still
// listed, that is the error.
func leftOf(d vfs.Dir, n segmentName) ([]segmentName, error) {
	names, err := listBeside(d)
	if err == nil && slices.Contains(names, n) {
		err = fmt.Errorf("wal: segment %s is in the directory %s and cannot be opened; is it a link to nothing? %w", n, d.Path(), fs.ErrNotExist)
	}
	return names, err
}

// listBeside returns the segments there are. A gap in their numbers, if there is one, was there each time
// that they were listed.
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
