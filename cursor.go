package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"runtime"
	"sync/atomic"

	"github.com/seed449c39bc/wal/log"
)

// maxKeptWindow is how large a cursor's buffer may be, in bytes, to be kept for the next reading.
const maxKeptWindow = 1 << 20

// giveWay is after how many entries a cursor lets others run. A loop over entries that
// are in the page cache does not block, and a save whose sync has returned would
// wait for its processor until the scheduler takes it away, which is after 10 ms.
const giveWay = 256

// cursor reads the entries of extents in order and verifies every record that it
// passes. All of them are durable, and no byte of them is ever written again, so it
// needs no lock. It is not safe for concurrent use, but for needs and replaced.
type cursor struct {
	view    *view
	extents []extent // not begun yet
	one     [1]extent
	end     place  // where the last extent ends at the latest; off 0: not known
	lo      uint64 // the first entry that is wanted
	i       uint64 // the entry that the decoder comes to next
	until   uint64 // behind the last one of the extent that was begun
	file    segmentFile
	dec     decoder
	off     int64 // of the frame read last
	slab    slab

	// Of a cursor that is registered with its view:
	needs    atomic.Uint64 // the first segment that it still has to read
	replaced atomic.Uint64 // the lowest index replaced since it began; 0: none
}

// cursor returns a cursor on extents from entry lo on, to be given back with done.
func (v *view) cursor(extents []extent, end place, lo uint64) *cursor {
	c, ok := v.cursors.Get().(*cursor)
	if !ok {
		c = new(cursor)
	}
	c.set(v, extents, end, lo)
	return c
}

func (c *cursor) set(v *view, extents []extent, end place, lo uint64) {
	c.view, c.extents, c.end, c.lo, c.i, c.until = v, extents, end, lo, 0, 0
	c.file = segmentFile{handles: &v.handles}
	c.dec.win.f = nil // opens anew: nothing read ahead before may be used
	c.replaced.Store(0)
	c.needs.Store(math.MaxUint64)
	if len(extents) > 0 {
		c.needs.Store(extents[0].name.seq)
	}
}

func (v *view) done(c *cursor) {
	c.extents = nil
	if cap(c.dec.win.buf) > maxKeptWindow {
		c.dec.win.buf = nil
	}
	v.cursors.Put(c)
}

// next returns the next entry as it is encoded, valid until the next call, and
// io.EOF behind the last one. The entries before lo are passed over, verified but
// not decoded; that there are as many as there must be shows in the index of
// the first one that is decoded.
func (c *cursor) next() (i uint64, data []byte, err error) {
	for {
		for c.i == c.until {
			if len(c.extents) == 0 {
				return 0, nil, io.EOF
			}
			if err := c.enter(c.extents[0]); err != nil {
				return 0, nil, err
			}
			c.extents = c.extents[1:]
		}
		data, err := c.frame()
		if err != nil {
			return 0, nil, err
		}
		c.i++
		if c.i%giveWay == 0 {
			runtime.Gosched()
		}
		if c.i > c.lo {
			return c.i - 1, data, nil
		}
	}
}

// enter sets the decoder on the beginning of an extent.
func (c *cursor) enter(x extent) error {
	c.i, c.until = x.first, x.next
	if c.file.name != x.name || c.dec.win.f == nil {
		if err := c.open(x.name); err != nil {
			return c.failed(err)
		}
	}
	c.dec.seek(x.off, x.crc)
	return nil
}

// open sets the decoder on a segment.
func (c *cursor) open(n segmentName) error {
	c.file.name = n
	c.needs.Store(n.seq)
	size := c.end.off
	if n.seq != c.end.seq || size == 0 {
		var err error
		if size, err = c.file.Size(); err != nil {
			return err
		}
	}
	c.dec = decoder{win: window{f: &c.file, name: n.String(), size: size, buf: c.dec.win.buf[:0]}, seq: n.seq, exact: true, check: c.dec.check}
	if n == c.view.lastName {
		c.dec.win.flips = c.view.flips
	}
	return nil
}

// frame returns the data of the next entry in the segment, which must be entry i.
func (c *cursor) frame() ([]byte, error) {
	for {
		c.off = c.dec.off
		f, err := c.dec.next()
		if bad, ok := asBadFrame(err); ok {
			return nil, c.corrupt(c.i, bad.cause.Error())
		}
		if err != nil {
			return nil, c.failed(err)
		}
		if f.typ == log.EntryType {
			return f.data, nil
		}
	}
}

// decode returns the entry i, which next has just returned the encoding of.
func (c *cursor) decode(i uint64, data []byte) (log.LogEntry, error) {
	ent, got, err := c.slab.decode(c.view.registry, data)
	if err != nil {
		return nil, fmt.Errorf("wal: segment %s at offset %d: %w", c.file.name, c.off, err)
	}
	if got != i {
		return nil, c.corrupt(i, fmt.Sprintf("entry %d in place of entry %d", got, i))
	}
	return ent, nil
}

// corrupt is damage at the frame of entry i, which was read last: at stake are it and all behind it.
func (c *cursor) corrupt(i uint64, reason string) error {
	return &CorruptionError{Segment: c.file.name.String(), Offset: c.off, Reason: reason,
		FirstIndex: i, LastIndex: max(i, c.view.LastIndex())}
}

// failed is an error of reading entry c.i.
func (c *cursor) failed(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: entry %d, segment %s was purged", ErrCompacted, c.i, c.file.name)
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("wal: read entry %d: %w", c.i, err)
}
