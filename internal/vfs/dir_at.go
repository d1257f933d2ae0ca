//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"golang.org/x/sys/unix"
)

// osDir is a directory that is held open by its descriptor. Every name is looked up relative to
// that, so the path that it was opened with is used only in messages and by Check.
//
// It is not an os.Root: that refuses symbolic links that lead out of the directory, but a segment
// may be a link to a file on another disk.
type osDir struct {
	lacks
	file *os.File
	path string
}

// OpenDir implements [FS].
func (OS) OpenDir(name string) (Dir, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &osDir{file: f, path: name}, nil
}

// Path implements [Dir].
func (d *osDir) Path() string { return d.path }

// at makes a call relative to the descriptor, which stays open until the call returns. It repeats a
// call that a signal has interrupted.
func (d *osDir) at(op, name string, call func(fd int) error) error {
	conn, err := d.file.SyscallConn()
	if err == nil {
		cerr := conn.Control(func(fd uintptr) {
			for {
				if err = call(int(fd)); !errors.Is(err, unix.EINTR) {
					return
				}
			}
		})
		if cerr != nil {
			err = fs.ErrClosed
		}
	}
	if err != nil {
		return &fs.PathError{Op: op, Path: d.join(name), Err: err}
	}
	return nil
}

// join returns the path of a file, for messages.
func (d *osDir) join(name string) string { return filepath.Join(d.path, name) }

// Check implements [Dir].
func (d *osDir) Check() error {
	here, err := d.file.Stat()
	if err != nil {
		return err
	}
	if s, ok := here.Sys().(*syscall.Stat_t); ok && s.Nlink == 0 {
		return ErrDeleted
	}
	return sameDir(d.path, here)
}

// open opens a regular file. Anything else, such as a pipe, is ErrIrregular: open does not wait for
// its other end.
func (d *osDir) open(name string, flag int) (*os.File, error) {
	var fd int
	err := d.at("open", name, func(dir int) (err error) {
		fd, err = unix.Openat(dir, name, flag|unix.O_CLOEXEC|unix.O_NONBLOCK, fileutil.PrivateFileMode)
		return err
	})
	if errors.Is(err, unix.EISDIR) {
		err = irregular(d.join(name))
	}
	if err != nil {
		return nil, err
	}
	err = unix.SetNonblock(fd, false)
	f := os.NewFile(uintptr(fd), d.join(name))
	var info os.FileInfo
	if err == nil {
		info, err = f.Stat()
	}
	if err == nil && !info.Mode().IsRegular() {
		err = irregular(d.join(name))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// OpenRead implements [Dir].
func (d *osDir) OpenRead(name string) (File, error) {
	f, err := d.open(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return newFile(f, d), nil
}

// OpenLocked implements [Dir].
func (d *osDir) OpenLocked(name string) (File, error) {
	return d.lock(name, unix.O_RDWR)
}

// CreateLocked implements [Dir]. It checks what is there before it opens it, because opening a
// device can have an effect. The open does not follow a link that was created since.
func (d *osDir) CreateLocked(name string) (File, error) {
	s, err := d.stat(name)
	if err == nil && (s.Mode&unix.S_IFMT != unix.S_IFREG || s.Nlink > 1) {
		return nil, irregular(d.join(name))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := d.lock(name, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW)
	if errors.Is(err, unix.ELOOP) {
		return nil, irregular(d.join(name))
	}
	return f, err
}

// lock opens a file and takes the same lock as etcd's fileutil.
func (d *osDir) lock(name string, flag int) (File, error) {
	f, err := d.open(name, flag)
	if err != nil {
		return nil, err
	}
	switch err := tryLock(f); {
	case err == nil:
		return newFile(f, d), nil
	case errors.Is(err, unix.EWOULDBLOCK), errors.Is(err, unix.EACCES):
		err = ErrLocked
		fallthrough
	default:
		f.Close()
		return nil, &fs.PathError{Op: "lock", Path: d.join(name), Err: err}
	}
}

// CreateNew implements [Dir].
func (d *osDir) CreateNew(name string) (File, error) {
	f, err := d.open(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return nil, err
	}
	return newFile(f, d), nil
}

// stat returns what the system says of a name, and does not follow a symbolic link.
func (d *osDir) stat(name string) (s unix.Stat_t, err error) {
	err = d.at("stat", name, func(fd int) error {
		return unix.Fstatat(fd, name, &s, unix.AT_SYMLINK_NOFOLLOW)
	})
	return s, err
}

// IsFile implements [Dir].
func (d *osDir) IsFile(name string) (bool, error) {
	s, err := d.stat(name)
	return err == nil && s.Mode&unix.S_IFMT == unix.S_IFREG, err
}

// Rename implements [Dir].
func (d *osDir) Rename(oldName, newName string) error {
	return d.at("rename", oldName,
		func(fd int) error { return unix.Renameat(fd, oldName, fd, newName) })
}

// Remove implements [Dir].
func (d *osDir) Remove(name string) error {
	return d.at("remove", name, func(fd int) error { return unix.Unlinkat(fd, name, 0) })
}

// List implements [Dir]. It opens a descriptor of its own, because a descriptor has one cursor.
func (d *osDir) List() ([]string, error) {
	var dir int
	err := d.at("open", ".", func(fd int) (err error) {
		dir, err = unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(dir), d.path)
	defer f.Close()
	return namesOf(f)
}

// Sync implements [Dir].
func (d *osDir) Sync() error { return syncDir(d.file, &d.lacks) }

// Close implements [Dir].
func (d *osDir) Close() error { return d.file.Close() }
