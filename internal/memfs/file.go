package memfs

import (
	"errors"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// node is the content of a file, which any number of names and open files share.
type node struct {
	mu     sync.RWMutex
	data   []byte // what was written; after it, up to size, are zeros that take no memory
	size   int64
	locked bool
}

// lock takes the lock, and reports whether it was free.
func (n *node) lock() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	free := !n.locked
	n.locked = true
	return free
}

// file is an open file.
type file struct {
	*node
	name   string
	locked bool // it holds the node's lock
	closed atomic.Bool
}

var _ vfs.File = (*file)(nil)

// check returns an error if the file is closed or the offset is negative.
func (f *file) check(op string, off int64) error {
	if f.closed.Load() {
		return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrClosed}
	}
	if off < 0 {
		return &fs.PathError{Op: op, Path: f.name, Err: errors.New("negative offset")}
	}
	return nil
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.check("read", off); err != nil {
		return 0, err
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	if off >= f.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), f.size-off))
	read := 0
	if off < int64(len(f.data)) {
		read = copy(p[:n], f.data[off:])
	}
	clear(p[read:n])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt.
func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if err := f.check("write", off); err != nil || len(p) == 0 {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grow(int(off) + len(p))
	f.size = max(f.size, off+int64(len(p)))
	return copy(f.data[off:], p), nil
}

// grow makes data length bytes long if it is shorter. The caller holds mu.
func (n *node) grow(length int) {
	old := len(n.data)
	switch {
	case length <= old:
		return
	case length > cap(n.data):
		data := make([]byte, length, max(length, 2*cap(n.data)))
		copy(data, n.data)
		n.data = data
	default:
		n.data = n.data[:length]
		clear(n.data[old:]) // a truncation may have left bytes there
	}
}

// Size implements [vfs.File].
func (f *file) Size() (int64, error) {
	if err := f.check("stat", 0); err != nil {
		return 0, err
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.size, nil
}

// Truncate implements [vfs.File].
func (f *file) Truncate(size int64) error {
	if err := f.check("truncate", size); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.data = f.data[:min(int64(len(f.data)), size)]
	f.size = size
	return nil
}

// Reserve implements [vfs.File].
func (f *file) Reserve(size int64) error {
	if err := f.check("reserve", size); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.size = max(f.size, size)
	return nil
}

// Data implements [vfs.File].
func (f *file) Data(off int64) (start, end int64, err error) {
	if err := f.check("seek", off); err != nil {
		return 0, 0, err
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	if n := int64(len(f.data)); off < n {
		return off, n, nil
	}
	return f.size, f.size, nil
}

// WriteBack implements [vfs.File].
func (f *file) WriteBack(int64, int64) {}

// Forget implements [vfs.File].
func (f *file) Forget(int64) {}

// Datasync implements [vfs.File].
func (f *file) Datasync() error { return f.check("sync", 0) }

// Sync implements [vfs.File].
func (f *file) Sync() error { return f.check("sync", 0) }

// Close implements [vfs.File].
func (f *file) Close() error {
	if f.closed.Swap(true) {
		return &fs.PathError{Op: "close", Path: f.name, Err: fs.ErrClosed}
	}
	if f.locked {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.node.locked = false
	}
	return nil
}

// CopyOnWrite implements [vfs.File].
func (f *file) CopyOnWrite() bool { return false }

// Stored implements [vfs.File].
func (f *file) Stored([]byte, int64) bool { return false }

// Renamed implements [vfs.File]. It does nothing: only the errors of a closed file give its name.
func (f *file) Renamed(string) {}
