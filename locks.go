package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// Locks
//
// A log holds the locks of at most three segments, however many it has: so it holds as many
// descriptors, and not one for each segment. They are:
//
//   - the last one. Whoever opens a log for writing, this library or etcd's, locks all segments from
//     some one on to the last one, or with etcd's Repair the last one alone. None of them gets it.
//   - the one before the last one. An opener lists the segments before it locks them. If a cut comes
//     in between, the last one of its list is this one. This library lists again when it has the
//     locks; etcd's does not, and would go on in a segment that is no longer the last one.
//     (Between its listing and its locking, which are microseconds, two cuts would have to come.)
//   - the oldest one that is needed. etcd's purge (fileutil.PurgeFile) goes from the oldest file on, and
//     ends at the first one that it cannot lock. So it deletes what was released, as this
//     library's Purge does, and nothing else.
//
// Nothing locks a segment in the middle without one of these: etcd's openers take them in ascending
// order and give all back when they do not get the last one.

// locked are the segments of a log by number, of which those that lockAll says are locked.
type locked []segment

func (h *locked) close() {
	closeAll(*h)
	*h = nil
}

// closeAll gives up the locks of segments, as far as they are held. The files are whole and on stable
// storage, or the error is told already, so what a close says is of no use.
func closeAll(held []segment) {
	for _, s := range held {
		if s.file != nil {
			s.file.Close()
		}
	}
}

// keepsLock reports whether the lock of segment i of n is held.
func keepsLock(i, n int) bool { return i == 0 || i >= n-2 }

// lockAll locks segments, the last one first: it is the one that every writer holds.
func lockAll(d vfs.Dir, names []segmentName) (locked, error) {
	held := make(locked, len(names))
	for i := len(names) - 1; i >= 0; i-- {
		held[i].segmentName = names[i]
		if !keepsLock(i, len(names)) {
			continue
		}
		if err := held[i].lock(d); err != nil {
			held.close()
			return nil, err
		}
	}
	return held, nil
}

// lock opens the segment's file and takes its lock, unless it is held.
func (s *segment) lock(d vfs.Dir) (err error) {
	if s.file != nil {
		return nil
	}
	if s.file, err = d.OpenLocked(s.String()); err != nil {
		s.file = nil
		return fmt.Errorf("wal: open segment: %w", manyFiles(err))
	}
	return nil
}

// append adds the segment that a cut began, and gives up the lock that is not needed any more.
func (h *locked) append(s segment) {
	*h = append(*h, s)
	if i := len(*h) - 3; i > 0 {
		closeAll((*h)[i : i+1])
		(*h)[i].file = nil
	}
}

// drop gives up the segments before position i, and returns their names. The one at i is locked first.
func (h *locked) drop(d vfs.Dir, i int) (names []segmentName, err error) {
	if i == 0 {
		return nil, nil
	}
	if err := (*h)[i].lock(d); err != nil {
		return nil, err
	}
	for _, s := range (*h)[:i] {
		names = append(names, s.segmentName)
	}
	closeAll((*h)[:i])
	*h = append(locked(nil), (*h)[i:]...)
	return names, nil
}

// load locks the segments from the one that pick chooses, in place of those that are
// held, and loads them. On an error too, the caller closes what is held.
func (h *locked) load(l *loader, pick picker) (*loaded, error) {
	missing := ""
	for {
		h.close()
		names, err := listSegments(l.dir)
		if err != nil {
			return nil, err
		}
		from, err := pick(names)
		if err != nil {
			return nil, err
		}
		*h, err = lockAll(l.dir, names[from:])
		if errors.Is(err, fs.ErrNotExist) {
			// Purged since it was listed; then it is not listed again.
			if missing == err.Error() {
				return nil, fmt.Errorf("%v, although it is in the directory; is it a link to nothing?", err)
			}
			missing = err.Error()
			continue
		}
		if err != nil {
			return nil, err
		}
		// A writer may have gone on to another segment and released the ones
		// locked here, between the listing and the locking. The locks count if the
		// segments are still the same.
		again, err := listSegments(l.dir)
		if err != nil {
			return nil, err
		}
		if n := len(names) - from; len(again) < n || !slices.Equal(again[len(again)-n:], names[from:]) {
			continue
		}
		l.held = make(map[uint64]vfs.File, len(*h))
		for _, s := range *h {
			if s.file != nil {
				l.held[s.seq] = s.file
			}
		}
		l.before = names[:from]
		return l.load(names[from:])
	}
}
