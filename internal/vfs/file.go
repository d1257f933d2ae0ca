package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
)

// osFile is a file of the operating system. Its errors have the name that it has by now.
type osFile struct {
	*os.File
	dir  *osDir
	name *atomic.Pointer[string] // nil in it: the one that it was opened with
}

var _ File = osFile{}

func newFile(f *os.File, d *osDir) osFile { return osFile{f, d, new(atomic.Pointer[string])} }

// Renamed implements [File].
func (f osFile) Renamed(name string) { f.name.Store(&name) }

// named returns an error of an operation with the file's name.
func (f osFile) named(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	path := f.Name()
	if name := f.name.Load(); name != nil {
		path = filepath.Join(f.dir.path, *name)
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		op, err = at.Op, at.Err
	}
	return &fs.PathError{Op: op, Path: path, Err: err}
}

func (f osFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(b, off)
	return n, f.named("read", err)
}

func (f osFile) WriteAt(b []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(b, off)
	return n, f.named("write", err)
}

func (f osFile) Truncate(size int64) error { return f.named("truncate", f.File.Truncate(size)) }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, f.named("stat", err)
	}
	return info.Size(), nil
}

// Reserve allocates what is missing. An allocation that fails in a way in which no write fails is
// not to be had here: then the length is set.
func (f osFile) Reserve(size int64) error {
	old, err := f.Size()
	if err == nil && old < size && zeroed(f.File, old, size) {
		return nil
	}
	err = retried(func() error { return fileutil.Preallocate(f.File, size, true) })
	if err != nil && !isOneOf(err, unreservable) {
		f.dir.add(LackReserve)
		if old, err = f.Size(); err == nil && old < size {
			err = f.Truncate(size)
		}
	}
	return f.named("reserve", err)
}

// retried makes a call until it is not interrupted by a signal.
func retried(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func (f osFile) Data(off int64) (start, end int64, err error) {
	size, err := f.Size()
	if err != nil || off >= size {
		return size, size, err
	}
	start, end = data(f.File, off, size)
	return start, end, nil
}

func (f osFile) CopyOnWrite() bool { return copyOnWrite(f.File) }

func (f osFile) Stored(b []byte, off int64) bool { return stored(f.File, b, off) }

func (f osFile) WriteBack(off, n int64) { writeBack(f.File, off, n) }

func (f osFile) Sync() error {
	return f.named("sync", retried(func() error { return fileutil.Fsync(f.File) }))
}

// Datasync syncs again after a signal: nothing was found to be wrong with the data by then.
func (f osFile) Datasync() error {
	return f.named("sync", retried(func() error { return fileutil.Fdatasync(f.File) }))
}
