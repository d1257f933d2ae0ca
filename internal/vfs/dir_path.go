//go:build !linux && !darwin && !freebsd && !netbsd && !openbsd && !dragonfly

package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
)

// osDir is a directory that is used by its path. Before each call it checks that the path still
// names the directory that was opened. That directory is held open too, so that the system does not
// give its identity to another one.
type osDir struct {
	lacks
	file   *os.File
	path   string
	info   os.FileInfo
	closed atomic.Bool
}

// OpenDir implements [FS].
func (OS) OpenDir(name string) (Dir, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: name, Err: syscall.ENOTDIR}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &osDir{file: f, path: name, info: info}, nil
}

// Path implements [Dir].
func (d *osDir) Path() string { return d.path }

// Check implements [Dir].
func (d *osDir) Check() error {
	if d.closed.Load() {
		return fs.ErrClosed
	}
	return sameDir(d.path, d.info)
}

// name returns the path of a file, if the directory is still the one that was opened.
func (d *osDir) name(name string) (string, error) {
	if err := d.Check(); err != nil {
		return "", &fs.PathError{Op: "find", Path: d.path, Err: err}
	}
	return filepath.Join(d.path, name), nil
}

// regular returns the path of a file, and ErrIrregular if it is not a regular one.
func (d *osDir) regular(name string, stat func(string) (os.FileInfo, error)) (string, error) {
	path, err := d.name(name)
	if err != nil {
		return "", err
	}
	info, err := stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = irregular(path)
	}
	return path, err
}

// OpenRead implements [Dir].
func (d *osDir) OpenRead(name string) (File, error) {
	path, err := d.regular(name, os.Stat)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return newFile(f, d), nil
}

// OpenLocked implements [Dir].
func (d *osDir) OpenLocked(name string) (File, error) {
	path, err := d.regular(name, os.Stat)
	if err != nil {
		return nil, err
	}
	return d.lock(path, os.O_RDWR)
}

// CreateLocked implements [Dir].
func (d *osDir) CreateLocked(name string) (File, error) {
	path, err := d.regular(name, os.Lstat)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return d.lock(path, os.O_RDWR|os.O_CREATE)
}

// CreateNew implements [Dir].
func (d *osDir) CreateNew(name string) (File, error) {
	path, err := d.name(name)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileutil.PrivateFileMode)
	if err != nil {
		return nil, err
	}
	return newFile(f, d), nil
}

// IsFile implements [Dir].
func (d *osDir) IsFile(name string) (bool, error) {
	_, err := d.regular(name, os.Lstat)
	if errors.Is(err, ErrIrregular) {
		return false, nil
	}
	return err == nil, err
}

// Rename implements [Dir].
func (d *osDir) Rename(oldName, newName string) error {
	path, err := d.name(oldName)
	if err != nil {
		return err
	}
	return os.Rename(path, filepath.Join(d.path, newName))
}

// Remove implements [Dir].
func (d *osDir) Remove(name string) error {
	path, err := d.name(name)
	if err != nil {
		return err
	}
	return os.Remove(path)
}

// List implements [Dir].
func (d *osDir) List() ([]string, error) {
	path, err := d.name("")
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return namesOf(f)
}

// Sync implements [Dir].
func (d *osDir) Sync() error {
	path, err := d.name("")
	if err != nil {
		return err
	}
	f, err := fileutil.OpenDir(path)
	if err != nil {
		return err
	}
	defer f.Close() // nothing was written through it
	return syncDir(f, &d.lacks)
}

// Close implements [Dir].
func (d *osDir) Close() error {
	d.closed.Store(true)
	return d.file.Close()
}

// lock opens a file and takes the lock of etcd's fileutil.
func (d *osDir) lock(path string, flag int) (File, error) {
	f, err := fileutil.TryLockFile(path, flag, fileutil.PrivateFileMode)
	if errors.Is(err, fileutil.ErrLocked) {
		return nil, &fs.PathError{Op: "lock", Path: path, Err: ErrLocked}
	}
	if err != nil {
		return nil, err
	}
	return newFile(f.File, d), nil
}
