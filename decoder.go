package wal

import (
	"encoding/binary"
	"io"
)

// decoder reads the frames of one segment in order and verifies each: form,
// check, chain, and that sealed and plain are not mixed. It knows nothing of what
// the records mean. It is not safe for concurrent use.
type decoder struct {
	win     window
	seq     uint64
	off     int64 // where the next frame stands
	crc     uint32
	chained bool // crc is known; otherwise the first record, a crc record, tells it
	started bool // sealed is known
	sealed  bool
	exact   bool // the frames end exactly at the window's size
	check   checker
}

// badFrame says why there is no valid record at an offset. It is not yet a
// verdict: what it means depends on where in the log it is.
type badFrame struct {
	off   int64
	cause error
	frame frame // what could be parsed, when only the chain is wrong
}

func (e *badFrame) Error() string { return e.cause.Error() }
func (e *badFrame) Unwrap() error { return e.cause }

// next returns the next frame; its data is valid until the next call. At the
// end of the frames it returns io.EOF, where there is no valid record a *badFrame,
// and any other error is one of reading.
func (d *decoder) next() (frame, error) {
	left := d.win.size - d.off
	if left == 0 {
		return frame{}, io.EOF
	}
	if left < wordSize {
		return frame{}, d.bad(errPastEnd)
	}
	b, err := d.win.at(d.off, wordSize)
	if err != nil {
		return frame{}, err
	}
	w := binary.LittleEndian.Uint64(b)
	if w == 0 {
		return frame{}, d.zeros()
	}
	size := frameSize(w)
	if size > left {
		return frame{}, d.bad(errPastEnd)
	}
	if b, err = d.win.at(d.off, int(size)); err != nil {
		return frame{}, err
	}
	f, err := d.check.parse(b, place{d.seq, d.off})
	if err != nil {
		return frame{}, d.bad(err)
	}
	if d.started && f.sealed != d.sealed {
		if d.sealed {
			return frame{}, d.bad(errNoTrailer)
		}
		return frame{}, d.bad(errSealed)
	}
	if !d.chained {
		// The first record of the first segment read carries the chain up to it.
		d.crc, d.chained = f.crc, true
	}
	crc := f.chain(d.crc)
	if crc != f.crc {
		return frame{}, &badFrame{d.off, errChain, f}
	}
	d.started, d.sealed = true, f.sealed
	d.crc = crc
	d.off += size
	return f, nil
}

func (d *decoder) bad(cause error) error { return &badFrame{off: d.off, cause: cause} }

// zeros decides on a zero length word: prepared space ends a plain segment;
// anywhere else it is for recovery to judge.
func (d *decoder) zeros() error {
	if d.exact || !d.started || d.sealed {
		return d.bad(errZeroWord)
	}
	rest, err := d.win.nonZero(d.off)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return d.bad(errZeroWord)
	}
	return io.EOF
}

// seek continues at another place of the segment, where the chain has the given value.
func (d *decoder) seek(off int64, crc uint32) {
	d.off, d.crc, d.chained = off, crc, true
}

// asBadFrame tells whether next found no valid record.
func asBadFrame(err error) (*badFrame, bool) {
	bad, ok := err.(*badFrame) // next does not wrap it, and this does not allocate
	return bad, ok
}
