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
// A log holds the locks of at most three segments, however many it has. So it holds at most three
// descriptors for locks, and not one for each segment. The three are:
//
//   - The last one. Every open for writing locks it: this library's; etcd's, which locks all
//     segments from some segment on up to the last one; and etcd's Repair, which locks the last one
//     alone. All of them fail at this lock.
//   - The one before the last one. An open lists the segments before it locks them. If a cut comes
//     in between, the last one of its list is this one. This library lists again when it has the
//     locks. etcd's does not, and would go on in a segment that is no longer the last one. (To get
//     past this lock, it would need two cuts between its listing and its locking, which are
//     microseconds.)
//   - The oldest one that is needed. etcd's purge (fileutil.PurgeFile) goes from the oldest file
//     on, and stops at the first one that it cannot lock. So it deletes what was released, as this
//     library's Purge does, and nothing else.
//
// No lock in the middle is needed: nothing takes a segment there without one of these three. An
// open of etcd's locks segments in ascending order, and gives all of them back when it does not get
// the last one.

// locked are the segments of a log, by ascending number. The locks that keepsLock names are held.
type locked []segment

// close gives up all locks, and forgets the segments.
func (h *locked) close() {
	closeAll(*h)
	*h = nil
}

// closeAll gives up the locks of segments, as far as they are held. What a close returns does not
// matter: the files are whole and on stable storage, or the error has been reported already.
func closeAll(held []segment) {
	for _, s := range held {
		if s.file != nil {
			s.file.Close()
		}
	}
}

// keepsLock reports whether the lock of segment i of n is held.
func keepsLock(i, n int) bool { return i == 0 || i >= n-2 }

// lockAll locks those of the segments names that keepsLock names, the last one first: that is the
// one that every writer holds. After an error no lock is held.
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

// append adds the segment that a cut began, and gives up the lock that is no longer needed.
func (h *locked) append(s segment) {
	*h = append(*h, s)
	if i := len(*h) - 3; i > 0 {
		closeAll((*h)[i : i+1])
		(*h)[i].file = nil
	}
}

// drop gives up the segments before position i, and returns their names. It first locks the one at
// i; if that fails, nothing is given up.
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
	*h = dropFront(*h, i)
	return names, nil
}

// load locks the segments from the one that pick chooses on, in place of those that are held, and
// loads them. The caller closes what is held, also after an error.
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
			// It was purged after it was listed. If so, it is not listed again.
			if missing == err.Error() {
				return nil, fmt.Errorf("%v, although it is in the directory; is it a link to nothing?",
					err)
			}
			missing = err.Error()
			continue
		}
		if err != nil {
			return nil, err
		}
		// Between the listing and the locking, a writer may have gone on to another segment and
		// released those that are locked here. The locks count only if the segments are the same.
		again, err := listSegments(l.dir)
		if err != nil {
			return nil, err
		}
		n := len(names) - from
		if len(again) < n || !slices.Equal(again[len(again)-n:], names[from:]) {
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
