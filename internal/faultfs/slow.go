package faultfs

import (
	"time"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// Slow returns a file system on which each sync of a file returns that much later, so that saves
// gather behind it. A sync covers what was written when it begins.
func Slow(fsys vfs.FS, delay time.Duration) vfs.FS {
	return Wrap(fsys, func(d vfs.Dir) vfs.Dir { return slowDir{d, delay} })
}

type slowDir struct {
	vfs.Dir
	delay time.Duration
}

func (s slowDir) open(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return slowFile{f, s.delay}, nil
}

func (s slowDir) OpenRead(name string) (vfs.File, error) { return s.open(s.Dir.OpenRead(name)) }
func (s slowDir) OpenLocked(name string) (vfs.File, error) {
	return s.open(s.Dir.OpenLocked(name))
}
func (s slowDir) CreateLocked(name string) (vfs.File, error) {
	return s.open(s.Dir.CreateLocked(name))
}
func (s slowDir) CreateNew(name string) (vfs.File, error) {
	return s.open(s.Dir.CreateNew(name))
}

type slowFile struct {
	vfs.File
	delay time.Duration
}

func (f slowFile) Sync() error { return f.after(f.File.Sync()) }

func (f slowFile) Datasync() error { return f.after(f.File.Datasync()) }

func (f slowFile) after(err error) error {
	time.Sleep(f.delay)
	return err
}
