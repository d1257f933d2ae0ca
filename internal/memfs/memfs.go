// Package memfs is a file system in memory. A log can do in it all that it can do on a disk.
package memfs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// FS is a file system in memory. A new one has only its root, "/". Every name is relative to the
// root, so the working directory of the process makes no difference. It is safe for concurrent use.
type FS struct {
	mu   sync.Mutex
	dirs map[string]*directory // by path
}

var _ vfs.FS = (*FS)(nil)

// New returns an empty file system.
func New() *FS {
	return &FS{dirs: map[string]*directory{"/": newDirectory()}}
}

// clean returns the path of a name, which is its key in dirs.
func clean(name string) string { return path.Clean("/" + filepath.ToSlash(name)) }

// Abs implements [vfs.FS].
func (f *FS) Abs(dir string) (string, error) { return clean(dir), nil }

// OpenDir implements [vfs.FS].
func (f *FS) OpenDir(name string) (vfs.Dir, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.dirs[clean(name)]
	if d == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &dir{fs: f, path: clean(name), d: d}, nil
}

// IsDir implements [vfs.FS].
func (f *FS) IsDir(name string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := clean(name)
	if parent := f.dirs[path.Dir(at)]; f.dirs[at] == nil && parent != nil &&
		parent.has(path.Base(at)) {
		return false, &fs.PathError{Op: "open", Path: name, Err: errors.New("not a directory")}
	}
	return f.dirs[at] != nil, nil
}

// Mkdir implements [vfs.FS].
func (f *FS) Mkdir(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := clean(dir)
	parent := f.dirs[path.Dir(name)]
	switch {
	case parent == nil:
		return &fs.PathError{Op: "mkdir", Path: dir, Err: fs.ErrNotExist}
	case f.dirs[name] != nil || parent.has(path.Base(name)):
		return &fs.PathError{Op: "mkdir", Path: dir, Err: fs.ErrExist}
	}
	f.dirs[name] = newDirectory()
	return nil
}

// renameDir gives a directory, and all below it, another path, which must be free. The caller holds
// mu.
func (f *FS) renameDir(from, to string) error {
	if f.dirs[from] == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	if f.dirs[to] != nil {
		return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
	}
	for name, d := range maps.Clone(f.dirs) {
		if below, ok := strings.CutPrefix(name+"/", from+"/"); ok {
			delete(f.dirs, name)
			f.dirs[path.Join(to, below)] = d
		}
	}
	return nil
}

// Remove implements [vfs.FS]. It deletes an empty directory or a file.
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := clean(name)
	if d := f.dirs[at]; d != nil {
		if at == "/" || !d.empty() || f.hasDirs(at) {
			return fmt.Errorf("remove %s: the directory is not empty", name)
		}
		delete(f.dirs, at)
		return nil
	}
	if d := f.dirs[path.Dir(at)]; d != nil {
		return d.remove(path.Base(at))
	}
	return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
}

// hasDirs reports whether there is a directory in the directory at a path.
func (f *FS) hasDirs(at string) bool {
	for name := range f.dirs {
		if name != at && path.Dir(name) == at {
			return true
		}
	}
	return false
}

// SyncDir implements [vfs.FS].
func (f *FS) SyncDir(dir string) error {
	if is, _ := f.IsDir(dir); !is {
		return &fs.PathError{Op: "sync", Path: dir, Err: fs.ErrNotExist}
	}
	return nil
}
