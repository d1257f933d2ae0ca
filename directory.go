package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// A log is a directory that is held open, not a path. The directory is found by its path once, when
// the log is opened. From then on, every name is looked up in the directory itself. So a log whose
// directory was renamed or replaced, or whose path leads elsewhere, goes on in its own directory,
// and touches nothing in the one that has the path now.

// absDir returns the absolute name of a log's directory. With it, messages and the check of the
// path still mean the same when the process changes its working directory.
func absDir(fsys vfs.FS, dir string) (string, error) {
	if dir == "" {
		return "", fmt.Errorf("%w: the name of the directory is empty", ErrInvalidArgument)
	}
	abs, err := fsys.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("wal: find the directory %s: %w", dir, err)
	}
	return abs, nil
}

// optionsAt does what newOptions does, and returns the absolute name of the log's directory too.
func optionsAt(dir string, opts []Option) (o options, abs string, err error) {
	if o, err = newOptions(opts); err != nil {
		return o, "", err
	}
	abs, err = absDir(o.fs, dir)
	return o, abs, err
}

// openAt does what newOptions does for a log that exists, and opens its directory, which the caller
// closes. If there is no directory, the error is that of a missing log, fs.ErrNotExist.
func openAt(dir string, opts []Option) (o options, d vfs.Dir, err error) {
	o, abs, err := optionsAt(dir, opts)
	if err != nil {
		return o, nil, err
	}
	d, err = o.fs.OpenDir(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return o, nil, noLog(abs)
	case err != nil:
		return o, nil, fmt.Errorf("wal: open the directory of the log: %w", manyFiles(err))
	}
	return o, d, nil
}

// manyFiles adds advice to an error which says that too many files are open.
func manyFiles(err error) error {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return fmt.Errorf("%w; raise the limit of open files (ulimit -n), or lower WithMaxOpenFiles", err)
	}
	return err
}

// noLog returns the error for a directory without a log, or a log without a directory.
func noLog(dir string) error {
	return fmt.Errorf("wal: no log in %s; make one with Create or OpenOrCreate, or check the path: %w",
		dir, fs.ErrNotExist)
}
