package crashfs_test

import (
	"path/filepath"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// byPath is a file system whose files are named by their paths. Each call opens the directory
// again.
type byPath struct{ vfs.FS }

func in[T any](b byPath, dir string, call func(d vfs.Dir) (T, error)) (T, error) {
	d, err := b.OpenDir(dir)
	if err != nil {
		var none T
		return none, err
	}
	defer d.Close()
	return call(d)
}

func (b byPath) OpenRead(name string) (vfs.File, error) {
	return in(b, filepath.Dir(name),
		func(d vfs.Dir) (vfs.File, error) { return d.OpenRead(filepath.Base(name)) })
}

func (b byPath) OpenLocked(name string) (vfs.File, error) {
	return in(b, filepath.Dir(name),
		func(d vfs.Dir) (vfs.File, error) { return d.OpenLocked(filepath.Base(name)) })
}

func (b byPath) CreateLocked(name string) (vfs.File, error) {
	return in(b, filepath.Dir(name),
		func(d vfs.Dir) (vfs.File, error) { return d.CreateLocked(filepath.Base(name)) })
}

func (b byPath) CreateNew(name string) (vfs.File, error) {
	return in(b, filepath.Dir(name),
		func(d vfs.Dir) (vfs.File, error) { return d.CreateNew(filepath.Base(name)) })
}

func (b byPath) Rename(oldName, newName string) error {
	_, err := in(b, filepath.Dir(oldName), func(d vfs.Dir) (any, error) {
		return nil, d.Rename(filepath.Base(oldName), filepath.Base(newName))
	})
	return err
}

func (b byPath) List(dir string) ([]string, error) {
	return in(b, dir, func(d vfs.Dir) ([]string, error) { return d.List() })
}

// removeFile removes a file. The Remove of an FS is for directories.
func (b byPath) removeFile(name string) error {
	_, err := in(b, filepath.Dir(name), func(d vfs.Dir) (any, error) {
		return nil, d.Remove(filepath.Base(name))
	})
	return err
}
