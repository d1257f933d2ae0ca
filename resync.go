package wal

import (
	"encoding/binary"
	"fmt"

	"github.com/seed449c39bc/wal/log"
)

// nonZeroWord returns off if the word there is not zero, else the place of the next one that is
// not: there may be a large hole. If there is none, that is the end.
func (r *recordReader) nonZeroWord(off int64) (int64, error) {
	win := &r.dec.win
	b, err := win.at(off, wordSize)
	if err != nil || binary.LittleEndian.Uint64(b) != 0 {
		return off, err
	}
	next, err := win.firstNonZero(off)
	if next < 0 {
		return win.size, err
	}
	return next / wordSize * wordSize, err
}

// resync looks for a record behind damage, of which the first byte that is not
// zero is known.
func (r *recordReader) resync(bad *badFrame, behind int64) (goOn, found bool) {
	d := &r.dec
	if f := &d.frame; bad.cause == errChain {
		// Only the data is damaged: the next record can be verified with the chain as it was to be.
		d.seek(bad.off+f.size, f.crc)
		d.started, d.sealed = true, f.sealed
		return true, true
	}
	if behind < 0 {
		d.chained = false
		return true, false
	}
	for off := max(bad.off+wordSize, behind/wordSize*wordSize); off+wordSize <= d.win.size; off += wordSize {
		var f *frame
		var err error
		if off, err = r.nonZeroWord(off); err == nil {
			f, err = r.candidate(off)
		}
		if err != nil {
			r.yield(Record{}, fmt.Errorf("wal: %w", err))
			return false, false
		}
		if f == nil {
			continue
		}
		d.seek(off+f.size, f.crc)
		d.started, d.sealed = true, f.sealed
		found = r.record(f, off, f.typ != log.CrcType) // a crc record's data is not in the chain
		return found, found
	}
	d.chained = false
	return true, false
}

// candidate returns the record that stands at an offset, nil if there is none. A sealed one
// vouches for itself with its check, which covers its place; a plain one counts if the checksum
// leads from it to the next one.
func (r *recordReader) candidate(off int64) (*frame, error) {
	f, err := r.parse(off)
	if f == nil || f.sealed || r.dec.started && r.dec.sealed {
		if f != nil && !f.sealed {
			return nil, err
		}
		return f, err
	}
	next, err := r.parse(off + f.size)
	if next == nil || next.sealed || next.chain(f.crc) != next.crc {
		return nil, err
	}
	return r.parse(off) // its data may have been moved
}

// recordTag is the first byte of every record.
const recordTag = 1 << 3

// parse returns the frame at an offset if all but its chain is right.
func (r *recordReader) parse(off int64) (*frame, error) {
	left := r.dec.win.size - off
	if left < 2*wordSize { // no frame is smaller
		return nil, nil
	}
	b, err := r.dec.win.at(off, wordSize+1)
	if err != nil {
		return nil, err
	}
	w := binary.LittleEndian.Uint64(b)
	if !wordOK(w) || frameSize(w) > left || b[wordSize] != recordTag {
		return nil, nil
	}
	if b, err = r.dec.win.at(off, int(frameSize(w))); err != nil {
		return nil, err
	}
	f := new(frame)
	if r.dec.check.parse(f, b, place{r.dec.seq, off}) != nil {
		return nil, nil
	}
	return f, nil
}
