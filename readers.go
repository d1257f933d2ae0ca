package wal

import (
	"fmt"

	"github.com/seed449c39bc/wal/internal/frame"
)

// Readings under way
//
// An iteration is registered with its view from its first step to its last. So Purge knows which
// segments are still needed, and the iteration learns when entries that it has yet to yield are
// replaced. Registering is guarded by view.mu, as are changes of the contents. So a reading begins
// either before a change, and is told of it, or after it.
//
// A reading looks up entries in the index as it goes. The index changes meanwhile in three ways:
//
//   - Entries are added. They come after what the reading wants, or replace it.
//   - Entries are replaced. The reading is told, and looks up nothing from the first of them on.
//   - The index lets go of entries, because of a Release or a jump. The reading is given what the
//     index had of them.

// begin returns a cursor on the entries [lo, hi), of which it looks up the given number of groups,
// and registers it. The caller ends it with end.
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

// register returns a cursor on extents, from index lo on, and registers it. The caller holds mu,
// and ends the cursor with end.
func (v *view) register(extents []extent, lo uint64) *cursor {
	c := v.cursor()
	c.set(extents, frame.Position{}, lo)
	v.readers[c] = struct{}{}
	return c
}

// end ends a reading that begin or register began, and gives its cursor back.
func (v *view) end(c *cursor) {
	v.mu.Lock()
	delete(v.readers, c)
	v.closeDir()
	v.mu.Unlock()
	v.done(c)
}

// leave gives up the files and the directory of a log that is closed. A follower still yields the
// rest of what is durable, so the directory stays open as long as a reading is under way.
func (v *view) leave() {
	v.files.shut()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shut = true
	v.closeDir()
}

// closeDir closes the directory if the log is closed and no reading needs it. Since its last sync
// the directory was only read, so an error of closing it means nothing and is dropped. The caller
// holds mu.
func (v *view) closeDir() {
	if v.shut && len(v.readers) == 0 {
		v.dir.Close()
	}
}

// checkRange returns an error if the entries [lo, hi) cannot be read. The caller holds mu.
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

// dropBefore forgets the entries and snapshots in the segments before seq; the readings under way
// keep what they need of them. The caller holds mu.
func (v *view) dropBefore(seq uint64) {
	v.contents.dropBefore(seq)
	v.retire()
}

// retire gives what the index has let go of to the readings under way, which may still need it. The
// caller holds mu.
func (v *view) retire() {
	if len(v.index.gone) == 0 {
		return // as after nearly every save
	}
	for c := range v.readers {
		c.keep(v.index.gone)
	}
	v.index.gone = nil
}

// published tells the readings under way what a batch has changed, and wakes the followers. The log
// now ends at end. The caller holds mu.
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

// needed returns the number of the first segment that a reading under way still needs, but at most
// seq.
func (v *view) needed(seq uint64) uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for c := range v.readers {
		seq = min(seq, c.needs.Load())
	}
	return seq
}

// publish applies to the contents what a batch changes. The batch is written, and ends at offset
// end of segment n.
func (v *view) publish(changes edits, n segmentName, end int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range changes {
		v.apply(&changes[i], n)
	}
	v.published(frame.Position{Seq: n.seq, Off: end})
}
