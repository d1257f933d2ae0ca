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

// osFile is a file of the operating system. Its errors give its current name.
type osFile struct {
	*os.File
	dir  *osDir
	name *atomic.Pointer[string] // holds nil as long as it has the name that it was opened with
}

var _ File = osFile{}

// newFile returns a file that was opened in d.
func newFile(f *os.File, d *osDir) osFile { return osFile{f, d, new(atomic.Pointer[string])} }

// Renamed implements [File].
func (f osFile) Renamed(name string) { f.name.Store(&name) }

// named returns the error of an operation, with the file's current name.
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

// ReadAt implements [io.ReaderAt].
func (f osFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(b, off)
	return n, f.named("read", err)
}

// WriteAt implements [io.WriterAt].
func (f osFile) WriteAt(b []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(b, off)
	return n, f.named("write", err)
}

// Truncate implements [File].
func (f osFile) Truncate(size int64) error { return f.named("truncate", f.File.Truncate(size)) }

// Size implements [File].
func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, f.named("stat", err)
	}
	return info.Size(), nil
}

// Reserve implements [File]: it allocates what is missing. If the allocation fails with an error
// that a write would not get, the file system does not allocate ahead, and only the length is set.
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

// retried repeats a call as long as a signal interrupts it, and returns its error.
func retried(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// Data implements [File].
func (f osFile) Data(off int64) (start, end int64, err error) {
	size, err := f.Size()
	if err != nil || off >= size {
		return size, size, err
	}
	start, end = data(f.File, off, size)
	return start, end, nil
}

// CopyOnWrite implements [File].
func (f osFile) CopyOnWrite() bool { return copyOnWrite(f.File) }

// Stored implements [File].
func (f osFile) Stored(b []byte, off int64) bool { return stored(f.File, b, off) }

// WriteBack implements [File].
func (f osFile) WriteBack(off, n int64) { writeBack(f.File, off, n) }

// Forget implements [File].
func (f osFile) Forget(off int64) { forget(f.File, off) }

// Sync implements [File].
func (f osFile) Sync() error {
	return f.named("sync", retried(func() error { return fileutil.Fsync(f.File) }))
}

// Datasync implements [File]. It may sync again after a signal: the call that was interrupted has
// not reported an error of the device, so none is lost.
func (f osFile) Datasync() error {
	return f.named("sync", retried(func() error { return fileutil.Fdatasync(f.File) }))
}
