package wal

import "fmt"

// Readings under way
//
// An iteration is registered with its view from its first step to its last: so Purge
// knows which segments are still needed, and the iteration learns when what it
// has yet to yield is replaced. All of it is under view.mu, in which the contents
// change: a reading either begins before a change, and is told, or begins behind it.

// begin registers a cursor on the entries [lo, hi). It is to be ended.
func (v *view) begin(lo, hi uint64) (*cursor, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	found, end, err := v.locate(lo, hi)
	if err != nil {
		return nil, err
	}
	return v.register(found, end, lo), nil
}

// register makes a cursor known to its view. It is to be ended. mu is held.
func (v *view) register(extents []extent, end place, lo uint64) *cursor {
	c := v.cursor(extents, end, lo)
	v.live[c] = struct{}{}
	return c
}

// end ends what begin or register began.
func (v *view) end(c *cursor) {
	v.mu.Lock()
	delete(v.live, c)
	v.closeDir()
	v.mu.Unlock()
	v.done(c)
}

// leave gives up the files and the directory of a log that is closed. A follower yet yields what is
// durable before the end, so the directory stays open as long as a reading is under way.
func (v *view) leave() {
	v.handles.shut()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.left = true
	v.closeDir()
}

// closeDir closes the directory if nobody needs it any more. It was only read through it since the
// last sync, so what the close says is of no use. mu is held.
func (v *view) closeDir() {
	if v.left && len(v.live) == 0 {
		v.dir.Close()
	}
}

// locate returns the extents of the entries [lo, hi), and where they end. mu is held.
func (v *view) locate(lo, hi uint64) ([]extent, place, error) {
	if err := v.checkRange(lo, hi); err != nil || lo == hi {
		return nil, place{}, err
	}
	last, off := v.index.at(hi - 1)
	return v.index.find(lo, hi), v.endOf(last, off), nil
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

// endOf is where an extent ends at the latest, as far as that is known: where the index says, or
// where the log ended when its last batch was published. mu is held.
func (v *view) endOf(x extent, off int64) place {
	if off == 0 && x.name.seq == v.tail.seq {
		off = v.tail.off
	}
	return place{x.name.seq, off}
}

// published tells those who read what a batch changed that ends the log at a
// place. mu is held.
func (v *view) published(end place) {
	v.tail = end
	if r := v.replaced; r != 0 {
		v.replaced = 0
		for c := range v.live {
			if old := c.replaced.Load(); old == 0 || r < old {
				c.replaced.Store(r)
			}
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
	for c := range v.live {
		seq = min(seq, c.needs.Load())
	}
	return seq
}
