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
// They take no lock, and what they read does not show one moment: neither a listing does, nor a
// file, nor even a single read. This is what they can see of a writer, and how each is told from
// damage:
//
//   - A batch in flight. A writer writes after everything that was written before, so what was
//     there when a reading began is whole. Of the batch any part may show, and any part of the
//     batches after it: the reading may pass one position before the first of them is written, and
//     reach the next position after the last one is. Then the record after the last whole save
//     seems torn, or, if a later record says SYNCED, damaged. When it is read again it is whole,
//     because the later record was written only after it was on stable storage. A batch that is
//     still being written shows more of itself the next time. Damage and a torn tail do not change.
//   - A cut. It makes the last segment as long as what is in it, and names the next one. A read of
//     prepared space then ends early, and a segment without such space may be longer than before.
//     When the segment is read again, it ends after a whole save. A segment with another one after
//     it is no longer written, so all segments of a listing but the last are judged by one reading.
//   - A purge. It removes the oldest segment, then the next one, and so on. If a segment was listed
//     and is gone when it is opened, it was purged, and so were all before it: the log begins after
//     it. What the purge was for, such as a snapshot, may have been saved after the end was read.
//     So the end is then read once more, with the segments that have come since.
//   - A listing that leaves out a name, because the name comes or goes meanwhile. A number that is
//     missing between others in three listings in a row was lost. For names come in ascending
//     order, and go in that order. So if a writer is why the first listing lacks the number, then
//     either a purge had removed it, and all lower numbers were gone before the second listing
//     began; or it was about to come, and was there before the second began. If that one lacks it
//     too, a purge removed it meanwhile, and all lower numbers were gone before the third began.
//     Either way the third listing has no lower number.
//   - An open that heals. It writes what is there already, and zeros over a torn tail, from its
//     front. The tail then looks torn, or like the end, or like damage where a byte is just being
//     written, and it changes. Truncations, restores and compactions are records like any other.
//
// So the end of the last segment is read again from the last whole save on, and no further than the
// segment reached the first time. An error that stops the reading at the same position three times
// is damage. A torn tail is reported if it consists of the same bytes three times; if they change,
// a writer is at work, and the tail is its batch. Damage does not move, whatever a writer does
// after it, so it is reported after three readings of the end.
//
// A walk that goes on after damage (Records with WithTolerant) would have to read three times at
// each damaged place of the last segment, and wait. So at the second such place it makes two of the
// three readings for all that follows at once: it looks at everything from there on, and after the
// pause it looks again. A writer writes after everything that was written before. So what the two
// looks found alike is not being written, and a damaged place in it is reported when the walk gets
// there, which is the third reading. What the looks found different, and what comes after that, is
// looked at again when the walk gets there. By then the writer has gone on, so each pair of looks
// begins about where the one before it found the writer, and all of them together read the file a
// few times over. A record that reaches from what did not change into what did is probably being
// written: it is looked at again too.

// besideReads is how many times damage, a torn tail or a gap must be seen before it counts.
const besideReads = 3

// besidePause is how long the last reading waits for a batch that seemed not to move.
const besidePause = time.Millisecond

// sighting is what one reading of the end found.
type sighting struct {
	off  int64  // where there was no further record
	err  error  // why the reading failed; nil: it ended
	torn bool   // it ended at a torn tail
	size int64  // the segment's length by now
	read int64  // the length up to which it was to be read
	sum  uint32 // over the bytes of a torn tail
}

// witness decides how often the end of a log is read again.
type witness struct {
	last  sighting
	times int  // how many readings in a row ended at the same offset
	moved bool // something changed from one reading to the next: a writer is at work
}

// doubts reports whether what was seen may be a writer's doing, and has to be looked at again.
// Before the last look it waits for besidePause.
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

// mayBeRace reports whether a writer can have caused the error: by a write of which only a part was
// there, or by cutting off prepared space.
func mayBeRace(err error) bool {
	return errors.Is(err, ErrCorrupt) || errors.Is(err, io.ErrUnexpectedEOF)
}

// stillness is which part of a file did not change from one look at it to the next.
type stillness struct {
	looked []blockSum // what the look before found
	end    int64      // what is before it did not change; 0: nothing is known yet
	moved  bool       // what is after it changed; if not, there is nothing after it
}

// stillBlock is the size of the blocks that two looks compare.
const stillBlock = 4 << 10

// blockSum is a checksum over a block that is not all zeros.
type blockSum struct {
	off, end int64 // from its first byte to the last one that is not zero, including it
	sum      uint32
}

// covers reports whether nothing of a frame changed that is at off and seems to end at end.
func (s *stillness) covers(off, end int64) bool { return off < s.end && (!s.moved || end <= s.end) }

// look looks at what is in the file from off on. If the look before it began there too, it compares
// the two.
func (s *stillness) look(w *window, off int64, again bool) {
	sums := w.blockSums(off)
	if again {
		n := 0
		for n < len(sums) && n < len(s.looked) && sums[n] == s.looked[n] {
			n++
		}
		s.moved = n < max(len(sums), len(s.looked))
		switch {
		case n < len(sums) && n < len(s.looked):
			s.end = min(sums[n].off, s.looked[n].off)
		case n < len(sums):
			s.end = sums[n].off
		case n < len(s.looked):
			s.end = s.looked[n].off
		case n > 0:
			s.end = sums[n-1].end
		}
	}
	s.looked = sums
}

// blockSums returns the checksums over the blocks of the file from the one that holds off on. An
// error of reading ends them: the caller meets it again when it reads there.
func (w *window) blockSums(off int64) (sums []blockSum) {
	w.forget()
	for p, err := range w.stretch(off/stillBlock*stillBlock, w.size) {
		if err != nil {
			break
		}
		for b, at := p.data, p.off; len(b) > 0; {
			n := min(len(b), int(stillBlock-at%stillBlock))
			if used := trimZeros(b[:n]); len(used) > 0 {
				sums = append(sums, blockSum{at, at + int64(len(used)), crc32c.Update(0, used)})
			}
			b, at = b[n:], at+int64(n)
		}
	}
	return sums
}

// confirmEnd reads the end of the last segment, which was scanned, again as long as it is in doubt.
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

// sum returns a checksum over what stands in the file from off on, without the zeros at its end.
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

// errMovedOn says that next to nothing is left of the segments that were listed: the log has to be
// loaded anew.
var errMovedOn = errors.New("wal: the log has moved on")

// loadBeside loads a log that a writer may be using, from the segment that pick chooses. It leaves
// out segments that are purged meanwhile: the log begins after them.
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

// beginBehind begins the replay anew after the segment gone, which was purged before it could be
// opened, and all segments before it too. If gone is the last of those that are being scanned, the
// error is errMovedOn.
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

// readOn reads on from the end of s, which was the last segment when the segments were listed, and
// returns the segments that have come after it. It is needed if a segment that was to be read was
// purged: without what the purge was for, the log would seem to have lost its beginning.
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
// not be opened. If n is no longer there, it was purged, or removed by hand. If it is still listed,
// that is an error.
func leftOf(d vfs.Dir, n segmentName) ([]segmentName, error) {
	names, err := listBeside(d)
	if err == nil && slices.Contains(names, n) {
		err = fmt.Errorf("wal: segment %s is in %s and cannot be opened; is it a link to nothing? %w",
			n, d.Path(), fs.ErrNotExist)
	}
	return names, err
}

// listBeside returns the segments of a directory. If there is a gap in their numbers, it was there
// in besideReads listings in a row.
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

// gap is a range of numbers that no segment has, between numbers that segments have.
type gap struct{ from, to uint64 } // the first and the last number that is missing

// gapsIn returns the gaps in the numbers of segments.
func gapsIn(names []segmentName) (gaps []gap) {
	for i := 1; i < len(names); i++ {
		switch before, n := names[i-1].seq, names[i].seq; {
		case n == before: // two segments have the number: no writer does that, so it counts as a gap
			gaps = append(gaps, gap{n, n})
		case n > before+1:
			gaps = append(gaps, gap{before + 1, n - 1})
		}
	}
	return gaps
}

// common returns what is in both of two lists of gaps, which ascend.
func common(a, b []gap) (both []gap) {
	for len(a) > 0 && len(b) > 0 {
		if from, to := max(a[0].from, b[0].from), min(a[0].to, b[0].to); from <= to {
			both = append(both, gap{from, to})
		}
		if a[0].to < b[0].to {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return both
}
