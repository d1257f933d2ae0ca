package memfs

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// directory is the files that a path stands for, by name.
type directory struct {
	mu    sync.Mutex
	files map[string]*node
}

func newDirectory() *directory { return &directory{files: map[string]*node{}} }

func (d *directory) empty() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.files) == 0
}

func (d *directory) has(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.files[name] != nil
}

func (d *directory) remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files[name] == nil {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	delete(d.files, name)
	return nil
}

// dir is a directory that is held open.
type dir struct {
	fs     *FS
	path   string
	d      *directory
	closed atomic.Bool
}

var _ vfs.Dir = (*dir)(nil)

// Path implements [vfs.Dir].
func (d *dir) Path() string { return d.path }

// Lacks implements [vfs.Dir].
func (d *dir) Lacks() vfs.Lack { return 0 }

// Check implements [vfs.Dir].
func (d *dir) Check() error {
	if d.closed.Load() {
		return fs.ErrClosed
	}
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	switch d.fs.dirs[d.path] {
	case d.d:
		return nil
	case nil:
		return vfs.ErrDeleted
	}
	return vfs.ErrMoved
}

// These flags say how a file is opened.
const (
	locked = 1 << iota // with its lock
	create             // it need not exist
	fresh              // it must not exist
)

// open opens the file that has a name.
func (d *dir) open(name string, how int) (vfs.File, error) {
	if d.closed.Load() {
		return nil, fs.ErrClosed
	}
	d.d.mu.Lock()
	defer d.d.mu.Unlock()
	n := d.d.files[name]
	switch {
	case n == nil && how&create == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case n != nil && how&fresh != 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case n == nil:
		n = &node{}
	}
	if how&locked != 0 && !n.lock() {
		return nil, fmt.Errorf("%s: %w", name, vfs.ErrLocked)
	}
	d.d.files[name] = n
	return &file{node: n, name: name, locked: how&locked != 0}, nil
}

// OpenRead implements [vfs.Dir].
func (d *dir) OpenRead(name string) (vfs.File, error) { return d.open(name, 0) }

// OpenLocked implements [vfs.Dir].
func (d *dir) OpenLocked(name string) (vfs.File, error) { return d.open(name, locked) }

// CreateLocked implements [vfs.Dir].
func (d *dir) CreateLocked(name string) (vfs.File, error) { return d.open(name, create|locked) }

// CreateNew implements [vfs.Dir].
func (d *dir) CreateNew(name string) (vfs.File, error) { return d.open(name, create|fresh) }

// IsFile implements [vfs.Dir].
func (d *dir) IsFile(name string) (bool, error) {
	if d.closed.Load() {
		return false, fs.ErrClosed
	}
	if !d.d.has(name) {
		return false, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return true, nil
}

// Rename implements [vfs.Dir].
func (d *dir) Rename(oldName, newName string) error {
	if d.closed.Load() {
		return fs.ErrClosed
	}
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	d.d.mu.Lock()
	defer d.d.mu.Unlock()
	n := d.d.files[oldName]
	if n == nil {
		return d.fs.renameDir(path.Join(d.path, oldName), path.Join(d.path, newName))
	}
	delete(d.d.files, oldName)
	d.d.files[newName] = n
	return nil
}

// Remove implements [vfs.Dir].
func (d *dir) Remove(name string) error {
	if d.closed.Load() {
		return fs.ErrClosed
	}
	return d.d.remove(name)
}

// List implements [vfs.Dir].
func (d *dir) List() ([]string, error) {
	if d.closed.Load() {
		return nil, fs.ErrClosed
	}
	d.d.mu.Lock()
	defer d.d.mu.Unlock()
	return append([]string{}, slices.Sorted(maps.Keys(d.d.files))...), nil
}

// Sync implements [vfs.Dir].
func (d *dir) Sync() error {
	if d.closed.Load() {
		return fs.ErrClosed
	}
	return nil
}

// Close implements [vfs.Dir].
func (d *dir) Close() error {
	d.closed.Store(true)
	return nil
}
