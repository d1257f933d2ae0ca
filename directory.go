package wal

import (
	"errors"
	"fmt"
	"io/fs"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// A log is a directory that is held open, not a path. It is found by its path once, when it is
// opened, and from then on every name is looked up in the directory itself. So a log whose
// directory is renamed or replaced, or whose path leads elsewhere since, goes on in its own
// directory, and touches nothing in the one that has the path now.

// absDir returns the name by which a log finds its directory. It is an absolute one: when the
// process goes to another directory, messages and the check of the path still mean the same.
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

// optionsAt is newOptions, with the absolute name of the log's directory.
func optionsAt(dir string, opts []Option) (o options, abs string, err error) {
	if o, err = newOptions(opts); err != nil {
		return o, "", err
	}
	abs, err = absDir(o.fs, dir)
	return o, abs, err
}

// openAt is newOptions for a log that is there. It opens the directory, which is to be closed.
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

// checkDir compares the path with the directory. That the path names another one is a warning,
// given once. If the directory was deleted, that is returned: all of the log went with it.
func (w *WAL) checkDir() error {
	switch err := w.dir.Check(); {
	case errors.Is(err, vfs.ErrDeleted):
		return err
	case errors.Is(err, vfs.ErrMoved) && w.moved.CompareAndSwap(false, true):
		w.warn("the path of the log names another directory since the log was opened, or none; "+
			"the log goes on in its own directory, wherever that is", zap.String("dir", w.dir.Path()))
	}
	return nil
}
