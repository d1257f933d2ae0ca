package wal

import (
	"encoding/binary"
	"io"
	"math"

	"github.com/seed449c39bc/wal/internal/frame"
)

// decoder reads the frames of one segment in order and verifies each: form, check, chain, and
// that no sealed one stands behind a plain one. It knows nothing of what the records mean. It is
// not safe for concurrent use.
type decoder struct {
	win       window
	seq       uint64
	off       int64 // where the next frame stands
	crc       uint32
	chained   bool  // crc is known; otherwise the first record, a crc record, tells it
	started   bool  // sealed is known
	trailered bool  // the records so far have trailers; once one has none, the segment is plain
	exact     bool  // the frames end exactly at the window's size
	changed   int64 // the last offset, above 0, at which a judge saw other bytes
	check     frame.Checker
	frame     frame.Frame // the one that next returned
}

// badFrame says why there is no valid record at an offset. It is not yet a
// verdict: what it means depends on where in the log it is.
type badFrame struct {
	off   int64
	cause error
}

func (e *badFrame) Error() string { return e.cause.Error() }
func (e *badFrame) Unwrap() error { return e.cause }

// next returns the next frame; it and its data are valid until the next call. At the
// end of the frames it returns io.EOF, where there is no valid record a *badFrame,
// and any other error is one of reading.
func (d *decoder) next() (*frame.Frame, error) {
	b := d.win.ahead(d.off)
	if len(b) < frame.WordSize || int64(len(b)) < frame.SizeOf(binary.LittleEndian.Uint64(b)) || binary.LittleEndian.Uint64(b) == 0 {
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
		// The first record of the first segment read carries the chain up to it.
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

// fetch reads the next frame, whose size is what its length word claims.
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

// claim makes sure that what claims to be a large frame is one, before memory is spent on it: a
// damaged length word can claim all of the file.
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

func (d *decoder) bad(cause error) error { return &badFrame{off: d.off, cause: cause} }

// zeros decides on a zero length word: prepared space ends a plain segment;
// anywhere else it is for recovery to judge.
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

// seek continues at another place of the segment, where the chain has the given value.
func (d *decoder) seek(off int64, crc uint32) {
	d.off, d.crc, d.chained = off, crc, true
}

// asBadFrame tells whether next found no valid record.
func asBadFrame(err error) (*badFrame, bool) {
	bad, ok := err.(*badFrame) // next does not wrap it, and this does not allocate
	return bad, ok
}
