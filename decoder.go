package wal

import (
	"encoding/binary"
	"io"
	"math"

	"github.com/seed449c39bc/wal/internal/frame"
)

// decoder reads the frames of one segment in order. It verifies the form, the check and the chain
// of each, and that no trailered frame stands after a plain one. It does not know what the records
// mean. It is not safe for concurrent use.
type decoder struct {
	win       window
	seq       uint64
	off       int64  // where the next frame stands
	crc       uint32 // the chain before it
	chained   bool   // crc is known; if not, the first record, a crc record, says it
	started   bool   // trailered is known
	trailered bool   // the records so far have trailers; once one has none, the segment is plain
	exact     bool   // only the window's size ends the frames, and not zeros
	changed   int64  // the last offset, above 0, at which decide saw other bytes than next; 0: none
	check     frame.Checker
	frame     frame.Frame // the one that next returned last
}

// badFrame says why there is no valid record at an offset. It is not yet a verdict: what it means
// depends on where in the log it is.
type badFrame struct {
	off   int64
	cause error
}

func (e *badFrame) Error() string { return e.cause.Error() }
func (e *badFrame) Unwrap() error { return e.cause }

// next returns the next frame, which is valid with its data until the next call. At the end of the
// frames it returns io.EOF, and where there is no valid record a *badFrame. Any other error is one
// of reading.
func (d *decoder) next() (*frame.Frame, error) {
	b := d.win.ahead(d.off)
	if len(b) < frame.WordSize || binary.LittleEndian.Uint64(b) == 0 ||
		int64(len(b)) < frame.SizeOf(binary.LittleEndian.Uint64(b)) {
		var err error
		if b, err = d.fetch(); err != nil {
			return nil, err
		}
	}
	f := &d.frame
	if err := d.check.Parse(f, b, frame.Position{Seq: d.seq, Off: d.off}); err != nil {
		return nil, d.bad(err)
	}
	if d.started && f.HasTrailer && !d.trailered {
		return nil, d.bad(frame.ErrTrailerBehindPlain)
	}
	if !d.chained {
		// The first record of a segment carries the chain up to it.
		d.crc, d.chained = f.Crc, true
	}
	crc := f.Chain(d.crc)
	if crc != f.Crc {
		return nil, d.bad(frame.ErrChain)
	}
	d.started, d.trailered = true, f.HasTrailer
	d.crc = crc
	d.off += f.Size
	return f, nil
}

// fetch reads the next frame, as far as its length word says that it goes.
func (d *decoder) fetch() ([]byte, error) {
	left := d.win.size - d.off
	if left == 0 {
		return nil, io.EOF
	}
	if left < frame.WordSize {
		return nil, d.bad(frame.ErrPastEnd)
	}
	b, err := d.win.at(d.off, frame.WordSize)
	if err != nil {
		return nil, err
	}
	w := binary.LittleEndian.Uint64(b)
	if w == 0 {
		return nil, d.zeros()
	}
	size := frame.SizeOf(w)
	if size > left {
		return nil, d.bad(frame.ErrPastEnd)
	}
	if size > readSize {
		if err := d.claim(size); err != nil {
			return nil, err
		}
	}
	return d.win.at(d.off, int(size))
}

// claim verifies that what claims to be a large frame of the given size is one, before memory is
// spent on it: a damaged length word can claim the whole file.
func (d *decoder) claim(size int64) error {
	p := frame.Position{Seq: d.seq, Off: d.off}
	var head [frame.MaxHead]byte
	if err := d.win.peek(head[:], p.Off); err != nil {
		return err
	}
	o, err := frame.OutlineOf(head[:])
	if err != nil {
		return d.bad(err)
	}
	foot := make([]byte, o.Size-o.FootAt)
	if err := d.win.peek(foot, p.Off+o.FootAt); err != nil {
		return err
	}
	if err := d.check.Vouch(&o, head[:], foot, p); err != nil {
		return d.bad(err)
	}
	if size > math.MaxInt {
		return d.win.tooLarge(size, p.Off)
	}
	return nil
}

// bad returns a *badFrame for the offset of the next frame.
func (d *decoder) bad(cause error) error { return &badFrame{off: d.off, cause: cause} }

// zeros returns what a zero length word means. If only zeros follow in a plain segment, they are
// prepared space and end it: io.EOF. Anything else is a *badFrame, for recovery to judge.
func (d *decoder) zeros() error {
	if d.exact || !d.started || d.trailered {
		return d.bad(frame.ErrZeroWord)
	}
	behind, err := d.win.firstNonZero(d.off)
	if err != nil {
		return err
	}
	if behind >= 0 {
		return d.bad(frame.ErrZeroWord)
	}
	return io.EOF
}

// seek goes to another offset of the segment, at which the chain is crc.
func (d *decoder) seek(off int64, crc uint32) {
	d.off, d.crc, d.chained = off, crc, true
}

// seekBehind continues after the frame f, which stands at off, with the chain that f states.
func (d *decoder) seekBehind(f *frame.Frame, off int64) {
	d.seek(off+f.Size, f.Crc)
	d.started, d.trailered = true, f.HasTrailer
}

// asBadFrame reports whether next, which returned err, found no valid record, and returns what it
// found.
func asBadFrame(err error) (*badFrame, bool) {
	bad, ok := err.(*badFrame) // next does not wrap it, and this does not allocate
	return bad, ok
}
