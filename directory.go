package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

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

// makeDir makes dir and its missing parents, and makes them durable.
func makeDir(fsys vfs.FS, dir string) error {
	is, err := fsys.IsDir(dir)
	if err != nil || is {
		return err
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDir(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// The parent may have been made by a Create that was interrupted, and its name
	// not been synced yet; what is above was synced before it was made.
	if err := syncParent(fsys, parent); err != nil {
		return err
	}
	if err := fsys.SyncDir(parent); err != nil {
		fsys.Remove(dir) // or the next Create would take it for one that is durable
		return err
	}
	return nil
}

// syncParent makes the name of a directory durable. Where a directory may be entered but not be read, and
// so not be synced, neither may it be written by Create: what is in it was made by somebody else.
func syncParent(fsys vfs.FS, dir string) error {
	if err := fsys.SyncDir(filepath.Dir(dir)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// manyFiles adds what to do to an error that says that too many files are open.
func manyFiles(err error) error {
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return fmt.Errorf("%w; raise the limit of open files (ulimit -n), or lower WithMaxOpenFiles", err)
	}
	return err
}

// noLog is the error for a directory without a log, or a log without a directory.
func noLog(dir string) error { return fmt.Errorf("wal: no log in %s: %w", dir, fs.ErrNotExist) }
