package wal

import (
	"fmt"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/verdict"
	"go.uber.org/zap"
)

// logEnd is where the log ends in its last segment, and what is needed to go on from there.
type logEnd struct {
	off       int64 // behind the last save
	crc       uint32
	trailered bool
	closed    bool      // the last record is CLOSED
	synced    int64     // offset of the last record that vouches for all before it
	dirty     int64     // end of the bytes that are not zero
	torn      *TornTail // nil if nothing was cut off
	flips     []int64   // bits put back
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
	t := newRest(&d.win, frame.Position{Seq: n.seq, Off: bad.off}, d.crc, d.trailered)
	found, bit, err := t.verdict()
	if err != nil {
		return false, fmt.Errorf("wal: %w", err)
	}
	damage := &CorruptionError{
		Segment: n.String(), Offset: bad.off, Reason: found.Reason, truncateTo: frame.Position{Seq: n.seq, Off: end.off},
	}
	switch found.Verdict {
	case verdict.Corrected:
		d.win.flip(bit)
		return true, nil
	case verdict.Changed:
		if d.changed == bad.off {
			damage.Reason = bad.cause.Error()
			return false, damage
		}
		d.changed = bad.off
		d.win.forget()
		return true, nil
	case verdict.Corrupt:
		return false, damage
	}
	end.dirty = bad.off + t.used
	if found.Verdict == verdict.Torn {
		end.torn = &TornTail{Segment: n.String(), Offset: end.off, Bytes: end.dirty - end.off, Reason: found.Reason}
	}
	return false, nil
}

func tornFields(t TornTail) []zap.Field {
	return []zap.Field{
		zap.String("segment", t.Segment), zap.Int64("offset", t.Offset),
		zap.Int64("bytes-dropped", t.Bytes), zap.String("reason", t.Reason),
	}
}
