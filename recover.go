package wal

import (
	"fmt"
	"io"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// TornTail describes bytes behind the last whole save. They belong to a save
// that was never acknowledged: a crash interrupted it.
type TornTail struct {
	Segment string // file name of the segment, without its directory
	Offset  int64  // where the log ends in it, in bytes
	Bytes   int64  // from there to the last byte that is not zero
	Reason  string
}

// logEnd is where the log ends in its last segment, and what is needed to go on from there.
type logEnd struct {
	off    int64 // behind the last save
	crc    uint32
	sealed bool
	closed bool      // the last record is CLOSED
	synced int64     // offset of the last record that vouches for all before it
	dirty  int64     // end of the bytes that are not zero
	torn   *TornTail // nil if nothing was cut off
	flips  []int64   // bits put back
}

// stopAtEnd decides whether the log ends in its last segment where there is no
// further record: behind the last save that is whole, unless what follows is damage
// to something acknowledged, which is a *CorruptionError. More is to be read if a bit was put back.
func (s *scan) stopAtEnd(cause error) (more bool, err error) {
	if cause == io.EOF && s.end.inHeader(s.seen) {
		cause = s.dec.bad(errPastEnd)
	}
	if bad, ok := asBadFrame(cause); ok {
		if more, err = s.end.judge(&s.dec, s.name, bad, s.seen); more || err != nil {
			if c, ok := err.(*CorruptionError); ok {
				c.cut = s.whole()
			}
			return more, err
		}
	} else if cause == io.EOF {
		s.end.dirty = s.dec.win.size
	} else {
		return false, fmt.Errorf("wal: %w", cause)
	}
	if end := &s.end; end.torn == nil && end.dirty > end.off {
		end.torn = &TornTail{Segment: s.name.String(), Offset: end.off, Bytes: end.dirty - end.off, Reason: "the last save is not complete"}
	}
	return false, nil
}

// inHeader tells whether the segment's header is not complete after some records.
func (end *logEnd) inHeader(records int) bool { return end.off == 0 || records < headerRecords }

// judge decides what a place without a valid record, behind some records, means, and notes it. It
// returns true if the place should be read again: a bit was put back, or the file has changed.
func (end *logEnd) judge(d *decoder, n segmentName, bad *badFrame, records int) (again bool, err error) {
	// The header was on stable storage before the segment got its name, so damage to it is never a torn write.
	if end.inHeader(records) {
		return false, &CorruptionError{Segment: n.String(), Offset: bad.off, Reason: "in the segment's header: " + bad.cause.Error()}
	}
	t := newTail(&d.win, place{n.seq, bad.off}, d.crc, d.sealed)
	found, err := t.judge()
	if err != nil {
		return false, fmt.Errorf("wal: %w", err)
	}
	switch found.verdict {
	case mended:
		d.win.flip(found.bit)
		return true, nil
	case changed:
		if d.changed == bad.off {
			return false, &CorruptionError{Segment: n.String(), Offset: bad.off, Reason: bad.cause.Error(), cut: place{n.seq, end.off}}
		}
		d.changed = bad.off
		d.win.forget()
		return true, nil
	case corrupt:
		return false, &CorruptionError{Segment: n.String(), Offset: bad.off, Reason: found.reason, cut: place{n.seq, end.off}}
	}
	end.dirty = bad.off + t.used
	if found.verdict == torn {
		end.torn = &TornTail{Segment: n.String(), Offset: end.off, Bytes: end.dirty - end.off, Reason: found.reason}
	}
	return false, nil
}

// healChunk is how much heal writes at a time, in bytes.
const healChunk = 1 << 20

// heal makes what findEnd found the durable truth: it writes the bytes from the
// last SYNCED record to the end once more, zeros behind them, and syncs.
//
// The rewriting is for a process that died between its write and its sync, or
// after a failed sync: the page cache then shows bytes that are not on disk and that
// no further sync would write, because their pages count as clean. Where rewriting takes space that there
// is not, on a full file system that copies on write, it is enough that the device has the bytes: so the
// log opens, and a Purge can make room.
//
// A crash in between leaves each sector as it was or as it is to be. The log's
// own bytes are the same in both; of the rest some pieces are now zero, which
// is torn again by the same rows of the table, or no longer there.
func heal(f vfs.File, n segmentName, end logEnd) error {
	win := window{f: f, name: n.String(), size: end.off, flips: end.flips}
	for off := end.synced; off < end.off; off += healChunk {
		b, err := win.at(off, int(min(healChunk, end.off-off)))
		if err != nil {
			return fmt.Errorf("wal: heal: %w", err)
		}
		if _, err := f.WriteAt(b, off); err != nil && !(vfs.IsShortage(err) && f.Stored(b, off)) {
			return fmt.Errorf("wal: heal segment %s: %w", n, err)
		}
	}
	if err := clearRange(f, n, end.off, end.dirty); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("wal: heal segment %s: %w", n, err)
	}
	return nil
}

// clearRange writes zeros from off to end. Holes are left out: there is nothing on the disk that could come back.
func clearRange(f vfs.File, n segmentName, off, end int64) error {
	win := window{f: f, name: n.String(), size: end}
	var zeros []byte
	for off < end {
		start, stop, err := win.data(off, end)
		if err != nil {
			return fmt.Errorf("wal: heal: %w", err)
		}
		for off = start; off < stop; off += int64(len(zeros)) {
			if zeros == nil {
				zeros = make([]byte, min(healChunk, end-off))
			}
			if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), stop-off)], off); err != nil {
				return fmt.Errorf("wal: heal segment %s: %w", n, err)
			}
		}
		off = stop
	}
	return nil
}
