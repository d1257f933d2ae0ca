package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
)

// OS is the file system of the operating system.
type OS struct{}

var _ FS = OS{}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osFile) Reserve(size int64) error {
	old, err := f.Size()
	if err == nil && old < size && zeroed(f.File, old, size) {
		return nil
	}
	if err := fileutil.Preallocate(f.File, size, true); err != nil {
		return fmt.Errorf("reserve %d bytes for %s: %w", size, f.Name(), err)
	}
	return nil
}

func (f osFile) Data(off int64) (start, end int64, err error) {
	size, err := f.Size()
	if err != nil || off >= size {
		return size, size, err
	}
	start, end = data(f.File, off, size)
	return start, end, nil
}

func (f osFile) WriteBack(off, n int64) { writeBack(f.File, off, n) }
func (f osFile) Datasync() error        { return fileutil.Fdatasync(f.File) }
func (f osFile) Sync() error            { return fileutil.Fsync(f.File) }

// Abs implements [FS].
func (OS) Abs(dir string) (string, error) { return filepath.Abs(dir) }

// OpenRead implements [FS].
func (OS) OpenRead(name string) (File, error) {
	return wrap(os.Open(name))
}

// OpenLocked implements [FS].
func (OS) OpenLocked(name string) (File, error) {
	return lock(name, os.O_RDWR)
}

// CreateLocked implements [FS].
func (OS) CreateLocked(name string) (File, error) {
	return lock(name, os.O_RDWR|os.O_CREATE)
}

// CreateNew implements [FS].
func (OS) CreateNew(name string) (File, error) {
	return wrap(os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileutil.PrivateFileMode))
}

// Rename implements [FS].
func (OS) Rename(oldName, newName string) error { return os.Rename(oldName, newName) }

// Remove implements [FS].
func (OS) Remove(name string) error { return os.Remove(name) }

// List implements [FS].
func (OS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// IsDir implements [FS].
func (OS) IsDir(name string) (bool, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case !info.IsDir():
		return false, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOTDIR}
	}
	return true, nil
}

// Mkdir implements [FS].
func (OS) Mkdir(dir string) error { return os.Mkdir(dir, fileutil.PrivateDirMode) }

// SyncDir implements [FS].
func (OS) SyncDir(dir string) error {
	d, err := fileutil.OpenDir(dir)
	if err != nil {
		return err
	}
	if err := fileutil.Fsync(d); err != nil {
		d.Close()
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return d.Close()
}

func wrap(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func lock(name string, flag int) (File, error) {
	f, err := fileutil.TryLockFile(name, flag, fileutil.PrivateFileMode)
	if errors.Is(err, fileutil.ErrLocked) {
		return nil, fmt.Errorf("%s: %w", name, ErrLocked)
	}
	if err != nil {
		return nil, err
	}
	return osFile{f.File}, nil
}
