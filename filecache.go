package wal

import (
	"container/list"
	"errors"
	"io/fs"
	"sync"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// fileCache are the segments that are open for reading: at most a limit of them,
// shared by all readers of a log. A handle is in use only during one read of the
// file, never while a caller's code runs. So when all are in use it is right to wait
// for one: no reader holds one while it waits for another. It is safe for concurrent use.
type fileCache struct {
	dir vfs.Dir

	mu     sync.Mutex // not held while a file is opened or read
	freed  sync.Cond  // on mu: a handle is no longer in use, or is closed
	limit  int
	count  int // files that are open, or being opened
	open   map[uint64]*handle
	used   list.List // of *handle, the one used last at the back
	from   uint64    // segments before it are not kept open
	closed bool      // nothing is kept open
}

// handle is one open file, kept in open and used as long as it may be shared.
type handle struct {
	vfs.File
	seq   uint64
	refs  int // readers that use it now
	place *list.Element
}

func (h *fileCache) init(o options, dir vfs.Dir) {
	h.dir, h.limit = dir, o.maxOpenFiles
	h.open = make(map[uint64]*handle)
	h.freed.L = &h.mu
}

// acquire returns a segment's file, to be released soon.
func (h *fileCache) acquire(n segmentName) (*handle, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		if f, ok := h.open[n.seq]; ok {
			h.used.MoveToBack(f.place)
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
	// Two readers may have opened it at once: then the second one's is not shared.
	if _, twice := h.open[n.seq]; !twice && h.keeps(n.seq) {
		h.open[n.seq] = f
		f.place = h.used.PushBack(f)
	}
	return f, nil
}

// release gives back what acquire returned.
func (h *fileCache) release(f *handle) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.refs--
	if f.refs == 0 && (f.place == nil || !h.keeps(f.seq)) {
		h.close(f)
	}
	h.freed.Broadcast()
}

// keeps tells whether a segment's file stays open after a read.
func (h *fileCache) keeps(seq uint64) bool { return !h.closed && seq >= h.from }

// closeIdle closes the file that has not been used for the longest time, if there is one that is not in use.
func (h *fileCache) closeIdle() bool {
	for e := h.used.Front(); e != nil; e = e.Next() {
		if f := e.Value.(*handle); f.refs == 0 {
			h.close(f)
			return true
		}
	}
	return false
}

// close closes a file that nobody uses. What a close of a file that was only read says is of no use.
func (h *fileCache) close(f *handle) {
	if f.place != nil {
		h.used.Remove(f.place)
		delete(h.open, f.seq)
	}
	f.File.Close()
	h.count--
}

// dropBefore closes the files of the segments before seq, or has them closed after the read under way.
func (h *fileCache) dropBefore(seq uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.from = max(h.from, seq)
	h.closeUnkept()
}

// shut closes all files, or has them closed after the read under way. What is
// read later is opened for one read, as long as the directory is open.
func (h *fileCache) shut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.closeUnkept()
}

func (h *fileCache) closeUnkept() {
	for _, f := range h.open {
		if f.refs == 0 && !h.keeps(f.seq) {
			h.close(f)
		}
	}
	h.freed.Broadcast()
}

// segmentFile is one segment's file, open only while it is read.
type segmentFile struct {
	handles *fileCache
	name    segmentName
}

// ReadAt implements io.ReaderAt.
func (s *segmentFile) ReadAt(b []byte, off int64) (int, error) {
	f, err := s.handles.acquire(s.name)
	if err != nil {
		return 0, err
	}
	defer s.handles.release(f)
	return f.ReadAt(b, off)
}

// Size returns the length of the file in bytes.
func (s *segmentFile) Size() (int64, error) {
	f, err := s.handles.acquire(s.name)
	if err != nil {
		return 0, err
	}
	defer s.handles.release(f)
	return f.Size()
}

// Data is that of vfs.File.
func (s *segmentFile) Data(off int64) (start, end int64, err error) {
	f, err := s.handles.acquire(s.name)
	if err != nil {
		return 0, 0, err
	}
	defer s.handles.release(f)
	return f.Data(off)
}
