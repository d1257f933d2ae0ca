package wal

import (
	"fmt"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/verdict"
	"go.uber.org/zap"
)

// logEnd is where the log ends in its last segment, and what is needed to go on from there.
type logEnd struct {
	off       int64     // after the last whole save
	crc       uint32    // the chain there
	trailered bool      // the segment is trailered up to there
	closed    bool      // the last record is CLOSED
	synced    int64     // offset of the last record that says SYNCED
	dirty     int64     // end of the bytes that are not zero
	torn      *TornTail // nil: there is no torn tail
	flips     []int64   // the bits that were corrected
}

// inHeader reports whether the segment's header is still incomplete after the given number of
// records. The COMMIT of the header ends the first save, so off is 0 before it.
func (end *logEnd) inHeader(records int) bool { return end.off == 0 || records < headerRecords }

// decide says what it means that there is no valid record at bad, after the given number of
// records, and keeps the answer in end. It returns true if the position is to be read again,
// because a bit was corrected or the file has changed. The error is a *CorruptionError, or one of
// reading.
func (end *logEnd) decide(
	d *decoder, n segmentName, bad *badFrame, records int,
) (again bool, err error) {
	if end.inHeader(records) {
		// The header was on stable storage before the segment got its name. So this is no torn
		// write.
		return false, &CorruptionError{
			Segment: n.String(), Offset: bad.off,
			Reason: "in the segment's header: " + bad.cause.Error(),
		}
	}
	t := newRest(&d.win, frame.Position{Seq: n.seq, Off: bad.off}, d.crc, d.trailered)
	found, bit, err := t.verdict()
	if err != nil {
		return false, fmt.Errorf("wal: %w", err)
	}
	damage := &CorruptionError{
		Segment: n.String(), Offset: bad.off, Reason: found.Reason,
		truncateTo: frame.Position{Seq: n.seq, Off: end.off},
	}
	switch found.Verdict {
	case verdict.Corrected:
		d.win.setBit(bit)
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
		end.torn = &TornTail{
			Segment: n.String(), Offset: end.off, Bytes: end.dirty - end.off, Reason: found.Reason,
		}
	}
	return false, nil
}

// tornFields returns the fields that describe a torn tail to the logger.
func tornFields(t TornTail) []zap.Field {
	return []zap.Field{
		zap.String("segment", t.Segment), zap.Int64("offset", t.Offset),
		zap.Int64("bytes-dropped", t.Bytes), zap.String("reason", t.Reason),
	}
}
