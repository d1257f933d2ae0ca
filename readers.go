package wal

import (
	"fmt"

	"github.com/seed449c39bc/wal/internal/frame"
)

// Readings under way
//
// An iteration is registered with its view from its first step to its last: so Purge
// knows which segments are still needed, and the iteration learns when what it
// has yet to yield is replaced. All of it is under view.mu, in which the contents
// change: a reading either begins before a change, and is told, or begins behind it.
//
// It looks up entries in the index as it goes. The index changes meanwhile in three ways. What is
// added is behind what the reading wants, or replaces it. What is replaced it is told of, and looks
// up nothing from there on. What the index lets go of, because of a Release or a jump, it is given.

// begin registers a cursor on the entries [lo, hi), of which it looks up some groups. It is to be
// ended.
func (v *view) begin(lo, hi uint64, groups int) (*cursor, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.checkRange(lo, hi); err != nil {
		return nil, err
	}
	c := v.cursor()
	if lo < hi {
		if err := c.start(lo, hi, groups); err != nil {
			v.done(c)
			return nil, err
		}
	}
	v.readers[c] = struct{}{}
	return c, nil
}

// register registers a cursor on extents. It is to be ended. mu is held.
func (v *view) register(extents []extent, lo uint64) *cursor {
	c := v.cursor()
	c.set(extents, frame.Position{}, lo)
	v.readers[c] = struct{}{}
	return c
}

// end ends what begin or register began.
func (v *view) end(c *cursor) {
	v.mu.Lock()
	delete(v.readers, c)
	v.closeDir()
	v.mu.Unlock()
	v.done(c)
}

// leave gives up the files and the directory of a log that is closed. A follower yet yields what is
// durable before the end, so the directory stays open as long as a reading is under way.
func (v *view) leave() {
	v.files.shut()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.left = true
	v.closeDir()
}

// closeDir closes the directory if nobody needs it any more. It was only read through it since the
// last sync, so what the close says is of no use. mu is held.
func (v *view) closeDir() {
	if v.left && len(v.readers) == 0 {
		v.dir.Close()
	}
}

// checkRange tells whether the entries [lo, hi) can be read. mu is held.
func (v *view) checkRange(lo, hi uint64) error {
	first, last := v.first(), v.last
	switch {
	case lo > hi:
		return fmt.Errorf("%w: entries from %d to %d", ErrInvalidArgument, lo, hi)
	case lo == hi:
		return nil
	case lo < first:
		return fmt.Errorf("%w: entry %d, the first one is %d", ErrCompacted, lo, first)
	case hi-1 > last:
		return fmt.Errorf("%w: entry %d, the last one is %d", ErrNotFound, hi-1, last)
	}
	return nil
}

// dropBefore forgets the entries and snapshots in segments before seq, but for readings under way.
// mu is held.
func (v *view) dropBefore(seq uint64) {
	v.contents.dropBefore(seq)
	v.retire()
}

// retire hands what the index has let go of to the readings under way, which may yet need it. mu is
// held.
func (v *view) retire() {
	if len(v.index.gone) == 0 {
		return // as behind nearly every save
	}
	for c := range v.readers {
		c.keep(v.index.gone)
	}
	v.index.gone = nil
}

// published tells those who read what a batch changed that ends the log at a
// place. mu is held.
func (v *view) published(end frame.Position) {
	v.publishedEnd = end
	v.retire()
	if r := v.replaced; r != 0 {
		v.replaced = 0
		for c := range v.readers {
			c.drop(r)
		}
	}
	if v.changed != nil {
		close(v.changed)
		v.changed = nil
	}
}

// needed returns the lowest number, below seq or seq itself, of a segment that a reading under way
// still needs.
func (v *view) needed(seq uint64) uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for c := range v.readers {
		seq = min(seq, c.needs.Load())
	}
	return seq
}

// publish shows readers what a written batch changes, which ends at an offset of a segment.
func (v *view) publish(changes edits, n segmentName, end int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range changes {
		v.apply(&changes[i], n)
	}
	v.published(frame.Position{Seq: n.seq, Off: end})
}
