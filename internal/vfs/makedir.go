package vfs

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// MakeDir makes dir and its missing parents, and makes their names durable.
func MakeDir(fsys FS, dir string) error {
	is, err := fsys.IsDir(dir)
	if err != nil || is {
		return err
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MakeDir(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// The parent may have been made by a Create that was interrupted before it synced the parent's
	// name. The directories above were synced before the parent was made.
	if err := SyncParent(fsys, parent); err != nil {
		return err
	}
	if err := fsys.SyncDir(parent); err != nil {
		fsys.Remove(dir) // otherwise the next Create would take its name for durable
		return err
	}
	return nil
}

// SyncParent makes the name of a directory durable. If the parent may be entered but not be read,
// it cannot be synced, and that is no error: MakeDir makes no directory in such a parent, so what
// is in it was made by others.
func SyncParent(fsys FS, dir string) error {
	if err := fsys.SyncDir(filepath.Dir(dir)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}
