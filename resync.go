package wal

import (
	"fmt"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
)

// resync looks for a record after the damage at bad, and sets the decoder after that record. behind
// is the offset of the first byte from the damage on that is not zero, or -1. The results are those
// of damage.
func (r *recordReader) resync(bad *badFrame, behind int64) (goOn, found bool) {
	d := &r.dec
	if f := &d.frame; bad.cause == frame.ErrChain {
		// Only the data is damaged. The next record is verified with the chain that this one states.
		d.seekBehind(f, bad.off)
		return true, true
	}
	if behind < 0 {
		d.chained = false
		return true, false
	}
	off, err := r.find(max(bad.off+frame.WordSize, behind/frame.WordSize*frame.WordSize))
	var f *frame.Frame
	if err == nil && off >= 0 {
		f, err = r.parse(off)
	}
	if err != nil {
		r.yield(Record{}, fmt.Errorf("wal: %w", err))
		return false, false
	}
	if f == nil {
		d.chained = false
		return true, false
	}
	d.seekBehind(f, off)
	found = r.record(f, off, f.Type != log.CrcType) // a crc record's data is not in the chain
	return found, found
}

// find returns the offset of the next record from off on, or -1 if it finds none. The check of a
// trailered record covers its position, so it suffices by itself.
func (r *recordReader) find(off int64) (int64, error) {
	d := &r.dec
	if !d.started || d.trailered {
		if at, err := r.finder.first(off, 0); at >= 0 || err != nil || d.started {
			return at, err
		}
	}
	return r.findPlain(off)
}

const (
	// plainEffort is how many times the bytes of a segment may be read in search of plain records.
	plainEffort = 1
	// lookPrice is how many bytes a look elsewhere in the segment counts as.
	lookPrice = 4 << 10
)

// findPlain returns the offset of the next plain record from off on, or -1 if it finds none. A
// record counts only if its checksum leads to that of the next one. A payload can hold any number
// of beginnings of records that do not, so the effort is bounded by plainEffort: once it is spent,
// the records after that are not found.
func (r *recordReader) findPlain(off int64) (int64, error) {
	win := &r.dec.win
	for ; ; off += frame.WordSize {
		var err error
		if off, err = win.nextBeginning(off); err != nil || off < 0 {
			return -1, err
		}
		o, ok, err := win.plainAt(off)
		if err != nil {
			return -1, err
		}
		if !ok {
			continue
		}
		if r.spent > plainEffort*win.size {
			return -1, nil
		}
		r.spent += lookPrice
		next, ok, err := win.plainAt(off + o.Size)
		if err != nil {
			return -1, err
		}
		if !ok {
			continue
		}
		sum := o.Crc
		if next.Type != log.CrcType {
			from := off + o.Size
			r.spent += next.Size
			sum, err = win.crcOver(o.Crc, from+int64(next.HeadSize), from+next.FootAt)
			if err != nil {
				return -1, err
			}
		}
		if sum == next.Crc {
			return off, nil
		}
	}
}

// parse returns the frame at an offset, or nil if anything in it but its chain is wrong.
func (r *recordReader) parse(off int64) (*frame.Frame, error) {
	b, err := r.dec.win.frame(off)
	if err != nil {
		return nil, err
	}
	f, err := r.dec.check.ParseAt(b, frame.Position{Seq: r.dec.seq, Off: off})
	if err != nil {
		return nil, nil
	}
	return &f, nil
}
