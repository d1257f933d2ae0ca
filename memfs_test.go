package wal

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// image is the files of a log's directory: names without a directory, and bytes.
type image map[string][]byte

// clone returns a copy that shares nothing.
func (im image) clone() image {
	out := make(image, len(im))
	for name, data := range im {
		out[name] = bytes.Clone(data)
	}
	return out
}

func (im image) equal(other image) bool { return maps.EqualFunc(im, other, bytes.Equal) }

// names returns the names of the files in order.
func (im image) names() []string { return slices.Sorted(maps.Keys(im)) }

// memFS is one directory in memory, so that tens of thousands of damaged logs
// can be opened in a second. Every sync succeeds at once. It is safe for concurrent use.
type memFS struct {
	mu     sync.Mutex
	files  map[string]*memInode
	writes []memWrite // since the last call of takeWrites
}

// memWrite is one write or, with nil data, one sync. name is the file's at that time.
type memWrite struct {
	name string
	off  int64
	data []byte
}

type memInode struct {
	name   string
	data   []byte
	locked bool
}

// memDir is the name of the directory that every memFS has.
const memDir = "log"

func newMemFS(im image) *memFS {
	m := &memFS{files: make(map[string]*memInode, len(im))}
	for name, data := range im {
		m.files[name] = &memInode{name: name, data: data}
	}
	return m
}

// image returns a copy of the files.
func (m *memFS) image() image {
	m.mu.Lock()
	defer m.mu.Unlock()
	im := make(image, len(m.files))
	for name, f := range m.files {
		im[name] = bytes.Clone(f.data)
	}
	return im
}

// takeWrites returns the writes and syncs since the last call.
func (m *memFS) takeWrites() []memWrite {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := m.writes
	m.writes = nil
	return out
}

func (m *memFS) open(name string, create, excl, lock bool) (vfs.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	base := filepath.Base(name)
	f := m.files[base]
	switch {
	case f == nil && !create:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case f != nil && excl:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case f == nil:
		f = &memInode{name: base}
		m.files[base] = f
	}
	if lock {
		if f.locked {
			return nil, vfs.ErrLocked
		}
		f.locked = true
	}
	return &memFile{m, f, lock}, nil
}

func (m *memFS) OpenRead(name string) (vfs.File, error)   { return m.open(name, false, false, false) }
func (m *memFS) OpenLocked(name string) (vfs.File, error) { return m.open(name, false, false, true) }
func (m *memFS) CreateLocked(name string) (vfs.File, error) {
	return m.open(name, true, false, true)
}
func (m *memFS) CreateNew(name string) (vfs.File, error) { return m.open(name, true, true, false) }

func (m *memFS) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.files[filepath.Base(oldName)]
	if f == nil {
		return &fs.PathError{Op: "rename", Path: oldName, Err: fs.ErrNotExist}
	}
	delete(m.files, f.name)
	f.name = filepath.Base(newName)
	m.files[f.name] = f
	return nil
}

func (m *memFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, filepath.Base(name))
	return nil
}

func (m *memFS) List(string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.files)), nil
}

func (m *memFS) IsDir(string) (bool, error) { return true, nil }
func (m *memFS) Mkdir(string) error         { return nil }
func (m *memFS) SyncDir(string) error       { return nil }

// memFile is an open file of a memFS.
type memFile struct {
	fs   *memFS
	node *memInode
	lock bool
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if off > int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.node.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.resize(max(int64(len(f.node.data)), off+int64(len(b))))
	f.fs.writes = append(f.fs.writes, memWrite{f.node.name, off, bytes.Clone(b)})
	return copy(f.node.data[off:], b), nil
}

func (n *memInode) resize(size int64) {
	if grow := size - int64(len(n.data)); grow > 0 {
		n.data = append(n.data, make([]byte, grow)...)
	}
	n.data = n.data[:size]
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.resize(size)
	return nil
}

func (f *memFile) Reserve(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.resize(max(int64(len(f.node.data)), size))
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.node.data)), nil
}

func (f *memFile) Data(off int64) (start, end int64, err error) {
	size, err := f.Size()
	return min(off, size), size, err
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.fs.writes = append(f.fs.writes, memWrite{name: f.node.name})
	return nil
}

func (f *memFile) Datasync() error { return f.Sync() }

func (f *memFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.lock {
		f.node.locked = false
	}
	return nil
}

// The simulated directory behaves like the real one where the log depends on it.
func TestMemFSBehavesLikeTheRealOne(t *testing.T) {
	for name, fsys := range map[string]vfs.FS{"os": vfs.OS{}, "mem": newMemFS(nil)} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			_, err := fsys.OpenRead(path)
			require.ErrorIs(t, err, fs.ErrNotExist)
			f, err := fsys.CreateLocked(path)
			require.NoError(t, err)
			_, err = fsys.OpenLocked(path)
			require.ErrorIs(t, err, vfs.ErrLocked)
			_, err = fsys.CreateNew(path)
			require.ErrorIs(t, err, fs.ErrExist)
			_, err = f.WriteAt([]byte("abc"), 5)
			require.NoError(t, err)
			require.NoError(t, f.Truncate(6))
			require.NoError(t, f.Truncate(7))
			require.NoError(t, f.Reserve(9))
			require.NoError(t, fsys.Rename(path, path+"2"))
			b := make([]byte, 20)
			n, err := f.ReadAt(b, 0)
			require.Equal(t, io.EOF, err)
			require.Equal(t, append(append(make([]byte, 5), 'a'), 0, 0, 0), b[:n])
			require.NoError(t, f.Close())
			f, err = fsys.OpenLocked(path + "2")
			require.NoError(t, err)
			require.NoError(t, f.Close())
			require.NoError(t, fsys.Remove(path+"2"))
		})
	}
}
