package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"runtime"
	"sync/atomic"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
)

// maxKeptWindow is the size in bytes up to which a cursor's buffer is kept for the next reading.
const maxKeptWindow = 1 << 20

// giveWay is the number of entries after which a cursor lets other goroutines run. A loop over
// entries in the page cache does not block. A save whose sync has returned would otherwise wait
// until the scheduler takes the processor away from the loop, which is after 10 ms.
const giveWay = 256

// A cursor looks up entries as it goes: a few groups at first, and more the further it gets. So the
// cost depends on how much is read, and not on how far the end is; and the cursor reads no further
// ahead than it has looked up.
const (
	// firstGroups is how many groups are looked up first. Each time after that it is groupsFactor
	// times as many.
	firstGroups, groupsFactor = 4, 2
	// maxGroups is how many groups are looked up at a time at most: as many as a window reads at a
	// time.
	maxGroups = readSize / pointSpacing
)

// noEnd is the end of a cursor that goes on as long as there are entries.
const noEnd = math.MaxUint64

// cursor reads entries in order and verifies every record that it passes. What it reads is
// published, and no byte of it is ever written again, so it needs the view's lock only to look
// entries up. It is not safe for concurrent use, except needs and replaced, which are atomic, and
// retired, which view.mu guards.
type cursor struct {
	view    *view
	extents []extent       // looked up, and not begun yet
	found   []extent       // the memory of extents
	hi      uint64         // when extents are used up, the entries [until, hi) are looked up
	groups  int            // how many groups of them are looked up the next time
	end     frame.Position // where the log ended when extents were looked up; Off 0: not known
	lo      uint64         // the first entry that is wanted
	i       uint64         // the entry that the decoder comes to next
	until   uint64         // the index after the last entry of the extent that was begun
	live    liveBits       // of the extent that was begun
	frames  int            // how many frames of entries were passed in that extent
	file    segmentFile
	whole   bool // the window ends where the file does
	dec     decoder
	off     int64 // of the frame read last
	slab    codec.Slab

	// These fields are for a cursor that is registered with its view.
	needs    atomic.Uint64 // the first segment that it still has to read
	replaced atomic.Uint64 // the lowest index replaced since it began; 0: none
	retired  runs          // what the index has let go of since it began, without what was replaced
}

// cursor returns a cursor without entries, to be given back with done.
func (v *view) cursor() *cursor {
	c, ok := v.cursors.Get().(*cursor)
	if !ok {
		c = new(cursor)
	}
	c.view = v
	if c.slab.Size != codec.Streamed {
		c.slab = codec.Slab{Size: codec.Streamed}
	}
	c.set(nil, frame.Position{}, 0)
	return c
}

// set sets the cursor on extents, from entry lo on. The extents end at end at the latest.
func (c *cursor) set(extents []extent, end frame.Position, lo uint64) {
	c.extents, c.end, c.lo, c.i, c.until, c.hi = extents, end, lo, 0, 0, 0
	c.file = segmentFile{files: &c.view.files}
	c.dec.win.f = nil // so the segment is opened again: what was read ahead earlier may not be used
	c.replaced.Store(0)
	c.needs.Store(math.MaxUint64)
	if len(extents) > 0 {
		c.needs.Store(extents[0].name.seq)
	}
}

// start sets the cursor on the entries [lo, hi), and looks up the given number of groups of them.
// The error io.EOF means that there are none yet; the cursor then needs the segments from the last
// one on, where they will be. The caller holds the view's mu.
func (c *cursor) start(lo, hi uint64, groups int) error {
	c.set(nil, frame.Position{}, lo)
	c.i, c.until, c.hi, c.groups = lo, lo, hi, groups
	err := c.lookUp()
	if err == nil {
		c.needs.Store(c.extents[0].name.seq)
	} else {
		c.needs.Store(c.view.publishedEnd.Seq)
	}
	return err
}

// lookUp looks up where the next entries stand. What the index has let go of since the cursor began
// is found too, unless it was replaced. The error is io.EOF if there is no entry from until on. The
// caller holds the view's mu, at least for reading.
func (c *cursor) lookUp() error {
	v, from, hi := c.view, c.until, c.hi
	if from >= hi {
		return io.EOF
	}
	if r := c.replaced.Load(); r != 0 {
		if r <= from {
			return &OverwrittenError{Index: r}
		}
		hi = min(hi, r)
	}
	in := c.retired
	if !in.holds(from) {
		in = v.index.runs
	}
	if !in.holds(from) {
		if hi == noEnd && from > v.last {
			return io.EOF
		}
		return fmt.Errorf("%w: entry %d, the first one is %d", ErrCompacted, from, v.first())
	}
	c.found = in.lookUp(from, hi, min(c.groups, maxGroups), c.found[:0])
	c.groups = min(c.groups, maxGroups) * groupsFactor
	c.extents, c.lo, c.end = c.found, from, v.publishedEnd
	// One read may go as far as the extents that follow one another in the segment.
	for k := len(c.extents) - 2; k >= 0; k-- {
		if next := c.extents[k+1]; next.name == c.extents[k].name {
			c.extents[k].end, c.extents[k].limit = next.end, next.limit
		}
	}
	return nil
}

// keep adds the runs that the index has let go of, as far as the cursor may need them. The caller
// holds the view's mu.
func (c *cursor) keep(gone runs) {
	for _, r := range gone {
		if r.name.seq >= c.needs.Load() {
			c.retired = append(c.retired, r)
		}
	}
}

// drop tells the cursor that the entries from i on were replaced or dropped. The caller holds the
// view's mu.
func (c *cursor) drop(i uint64) {
	if old := c.replaced.Load(); old == 0 || i < old {
		c.replaced.Store(i)
	}
	c.retired = c.retired.upTo(i)
}

// done gives back a cursor, which may not be used any more.
func (v *view) done(c *cursor) {
	clear(c.found)
	c.extents, c.live, c.retired = nil, nil, nil
	if cap(c.dec.win.buf) > maxKeptWindow {
		c.dec.win.buf = nil
	}
	v.cursors.Put(c)
}

// next returns the next entry in its encoding, which is valid until the next call, and io.EOF after
// the last one. It passes over the entries before lo, which it verifies but does not decode. If
// there are more or fewer of them than there should be, the first entry that is decoded has another
// index than i.
func (c *cursor) next() (i uint64, data []byte, err error) {
	for {
		for c.i == c.until {
			if len(c.extents) == 0 {
				c.view.mu.RLock()
				err := c.lookUp()
				c.view.mu.RUnlock()
				if err != nil {
					return 0, nil, err
				}
			}
			if err := c.enter(&c.extents[0]); err != nil {
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

// enter sets the decoder to the beginning of an extent.
func (c *cursor) enter(x *extent) error {
	c.i, c.until, c.live, c.frames = x.first, x.next, x.live, 0
	if c.file.name != x.name || c.dec.win.f == nil {
		c.open(x.name)
	}
	if !c.whole {
		if err := c.measure(x); err != nil {
			return c.failed(err)
		}
	}
	c.dec.win.step = max(x.end-x.off, 0)
	c.dec.seek(x.off, x.crc)
	return nil
}

// open sets the decoder to a segment. The window's size is not known yet: measure sets it.
func (c *cursor) open(n segmentName) {
	c.file.name = n
	c.needs.Store(n.seq)
	c.whole = false
	win := window{f: &c.file, name: n.String(), buf: c.dec.win.buf[:0]}
	c.dec = decoder{win: win, seq: n.seq, exact: true, check: c.dec.check}
	if n == c.view.lastName {
		c.dec.win.flips = c.view.flips
	}
}

// measure sets where the window ends: where the index says that the extent does; or, if the log
// ended in this segment when the extents were looked up, where the log ended; or else where the
// file ends.
func (c *cursor) measure(x *extent) (err error) {
	win := &c.dec.win
	switch {
	case x.limit > 0:
		win.size = x.limit
	case c.end.Seq == x.name.seq && c.end.Off > 0:
		win.size = c.end.Off
	default:
		win.size, err = c.file.Size()
		c.whole = err == nil
	}
	return err
}

// frame returns the data of the next entry in the segment, which must be entry c.i. It passes over
// other records, and over entries that were replaced.
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
		if f.Type != log.EntryType {
			continue
		}
		if c.frames++; c.live == nil || c.live.at(c.frames-1) {
			return f.Data, nil
		}
	}
}

// decode decodes entry i, from the encoding that next returned last.
func (c *cursor) decode(i uint64, data []byte) (log.LogEntry, error) {
	ent, got, err := c.slab.Decode(c.view.registry, data)
	if err == nil && got != i { // the chain was right, so the data is, and the type is at fault
		cause := fmt.Errorf("entry %d is read with index %d", i, got)
		err = codec.DecodeError(ent, log.EntryType, data, cause)
	}
	if err != nil {
		return nil, fmt.Errorf("wal: segment %s at offset %d: %w", c.file.name, c.off, err)
	}
	return ent, nil
}

// corrupt returns a CorruptionError for damage at the frame that was read last, which is that of
// entry i. At stake are the entries from i on.
func (c *cursor) corrupt(i uint64, reason string) error {
	return &CorruptionError{Dir: c.view.dir.Path(),
		Segment: c.file.name.String(), Offset: c.off, Reason: reason,
		FirstIndex: i, LastIndex: max(i, c.view.LastIndex())}
}

// failed returns the error of reading entry c.i: ErrCompacted if the segment was purged.
func (c *cursor) failed(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: entry %d, segment %s was purged", ErrCompacted, c.i, c.file.name)
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("wal: read entry %d: %w", c.i, err)
}
