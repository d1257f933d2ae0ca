package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
)

// OS is the file system of the operating system.
type OS struct{}

var _ FS = OS{}

// Abs implements [FS].
func (OS) Abs(dir string) (string, error) { return filepath.Abs(dir) }

// Remove implements [FS].
func (OS) Remove(name string) error {
	if err := retried(func() error { return syscall.Rmdir(name) }); err != nil {
		return &fs.PathError{Op: "rmdir", Path: name, Err: err}
	}
	return nil
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

// SyncDir implements [FS]. If the file system cannot sync a directory, that is no error.
func (OS) SyncDir(dir string) error {
	d, err := fileutil.OpenDir(dir)
	if err != nil {
		return err
	}
	defer d.Close() // nothing was written through it
	return syncDir(d, new(lacks))
}

// syncDir syncs a directory. If the file system cannot do that, it adds LackSyncDir to l.
func syncDir(d *os.File, l *lacks) error {
	err := retried(func() error { return fileutil.Fsync(d) })
	if err != nil && isOneOf(err, unsyncable) {
		l.add(LackSyncDir)
		return nil
	}
	if err != nil {
		return fmt.Errorf("sync directory %s: %w", d.Name(), err)
	}
	return nil
}

// namesOf returns the names in an open directory, sorted.
func namesOf(d *os.File) ([]string, error) {
	names, err := d.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// sameDir returns nil if a path still names the directory that was opened with it, and ErrMoved if
// it does not. If it cannot find out, it returns nil.
func sameDir(path string, opened os.FileInfo) error {
	there, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return ErrMoved
	case err == nil && !os.SameFile(there, opened):
		return ErrMoved
	}
	return nil
}

// irregular returns the error of opening something that is not a regular file.
func irregular(path string) error {
	return &fs.PathError{Op: "open", Path: path, Err: ErrIrregular}
}
