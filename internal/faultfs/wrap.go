package faultfs

import "github.com/seed449c39bc/wal/internal/vfs"

// Wrap returns a file system on which each directory that is opened is the one that wrap makes of
// it.
func Wrap(fsys vfs.FS, wrap func(vfs.Dir) vfs.Dir) vfs.FS { return wrapped{fsys, wrap} }

type wrapped struct {
	vfs.FS
	wrap func(vfs.Dir) vfs.Dir
}

func (w wrapped) OpenDir(name string) (vfs.Dir, error) {
	d, err := w.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return w.wrap(d), nil
}
