package wal

import (
	"container/list"
	"errors"
	"io/fs"
	"sync"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// fileCache holds the segments' files that are open for reading: at most limit of them, shared by
// all readers of a log. A handle is in use only during one read of the file, never while a caller's
// code runs. So if all are in use, it is right to wait for one: no reader holds a handle while it
// waits for another one. It is safe for concurrent use.
type fileCache struct {
	dir vfs.Dir

	mu     sync.Mutex // not held while a file is opened or read
	freed  sync.Cond  // signals that a handle is no longer in use, or is closed; its L is mu
	limit  int
	count  int // files that are open, or being opened
	open   map[uint64]*handle
	used   list.List // of *handle, the one used last at the back
	from   uint64    // the files of segments before it are not kept open
	closed bool      // no file is kept open
}

// handle is one open file. As long as it may be shared, it is in the cache's open and used.
type handle struct {
	vfs.File
	seq  uint64
	refs int           // reads under way
	elem *list.Element // in used; nil: it is not shared
}

// init prepares the cache of the log in dir.
func (h *fileCache) init(o options, dir vfs.Dir) {
	h.dir, h.limit = dir, o.maxOpenFiles
	h.open = make(map[uint64]*handle)
	h.freed.L = &h.mu
}

// acquire returns a segment's file, which the caller releases soon. It waits if limit files are in
// use.
func (h *fileCache) acquire(n segmentName) (*handle, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		if f, ok := h.open[n.seq]; ok {
			h.used.MoveToBack(f.elem)
			f.refs++
			return f, nil
		}
		if h.count < h.limit || h.closeIdle() {
			break
		}
		h.freed.Wait()
	}
	h.count++
	h.mu.Unlock()
	file, err := h.dir.OpenRead(n.String())
	h.mu.Lock()
	if err != nil {
		h.count--
		h.freed.Broadcast()
		if h.closed && errors.Is(err, fs.ErrClosed) {
			err = ErrClosed
		}
		return nil, manyFiles(err)
	}
	f := &handle{File: file, seq: n.seq, refs: 1}
	// Two readers may have opened it at once. Then that of the second one is not shared.
	if _, twice := h.open[n.seq]; !twice && h.keeps(n.seq) {
		h.open[n.seq] = f
		f.elem = h.used.PushBack(f)
	}
	return f, nil
}

// release gives back what acquire returned.
func (h *fileCache) release(f *handle) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.refs--
	if f.refs == 0 && (f.elem == nil || !h.keeps(f.seq)) {
		h.close(f)
	}
	h.freed.Broadcast()
}

// keeps reports whether a segment's file stays open after a read. mu is held.
func (h *fileCache) keeps(seq uint64) bool { return !h.closed && seq >= h.from }

// closeIdle closes the file that has been out of use for the longest time, and reports whether
// there is one that is not in use. mu is held.
func (h *fileCache) closeIdle() bool {
	for e := h.used.Front(); e != nil; e = e.Next() {
		if f := e.Value.(*handle); f.refs == 0 {
			h.close(f)
			return true
		}
	}
	return false
}

// close closes a file that is not in use. What the close of a file that was only read returns does
// not matter. mu is held.
func (h *fileCache) close(f *handle) {
	if f.elem != nil {
		h.used.Remove(f.elem)
		delete(h.open, f.seq)
	}
	f.File.Close()
	h.count--
}

// dropBefore closes the files of the segments before seq. One that is in use is closed after the
// read under way.
func (h *fileCache) dropBefore(seq uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.from = max(h.from, seq)
	h.closeUnkept()
}

// shut closes all files. One that is in use is closed after the read under way. What is read later
// is opened for one read, as long as the directory is open.
func (h *fileCache) shut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.closeUnkept()
}

// closeUnkept closes the files that are not kept open and not in use. mu is held.
func (h *fileCache) closeUnkept() {
	for _, f := range h.open {
		if f.refs == 0 && !h.keeps(f.seq) {
			h.close(f)
		}
	}
	h.freed.Broadcast()
}

// segmentFile is the file of one segment, open only while it is read.
type segmentFile struct {
	files *fileCache
	name  segmentName
}

// ReadAt implements io.ReaderAt.
func (s *segmentFile) ReadAt(b []byte, off int64) (int, error) {
	f, err := s.files.acquire(s.name)
	if err != nil {
		return 0, err
	}
	defer s.files.release(f)
	return f.ReadAt(b, off)
}

// Size returns the length of the file in bytes.
func (s *segmentFile) Size() (int64, error) {
	f, err := s.files.acquire(s.name)
	if err != nil {
		return 0, err
	}
	defer s.files.release(f)
	return f.Size()
}

// Data implements source.
func (s *segmentFile) Data(off int64) (start, end int64, err error) {
	f, err := s.files.acquire(s.name)
	if err != nil {
		return 0, 0, err
	}
	defer s.files.release(f)
	return f.Data(off)
}
