package wal

import (
	"time"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// slowFS is a file system whose syncs take a while, so that saves gather.
type slowFS struct {
	vfs.FS
	delay time.Duration
}

// wrapFS is a file system whose directories are wrapped when they are opened.
type wrapFS struct {
	vfs.FS
	wrap func(vfs.Dir) vfs.Dir
}

func (w wrapFS) OpenDir(name string) (vfs.Dir, error) {
	d, err := w.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return w.wrap(d), nil
}

func (s slowFS) OpenDir(name string) (vfs.Dir, error) {
	return wrapFS{s.FS, func(d vfs.Dir) vfs.Dir { return slowDir{d, s.delay} }}.OpenDir(name)
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

func (s slowDir) OpenRead(name string) (vfs.File, error)     { return s.open(s.Dir.OpenRead(name)) }
func (s slowDir) OpenLocked(name string) (vfs.File, error)   { return s.open(s.Dir.OpenLocked(name)) }
func (s slowDir) CreateLocked(name string) (vfs.File, error) { return s.open(s.Dir.CreateLocked(name)) }
func (s slowDir) CreateNew(name string) (vfs.File, error)    { return s.open(s.Dir.CreateNew(name)) }

type slowFile struct {
	vfs.File
	delay time.Duration
}

// Sync covers what was written when it begins.
func (f slowFile) Sync() error { return f.after(f.File.Sync()) }

func (f slowFile) Datasync() error { return f.after(f.File.Datasync()) }

func (f slowFile) after(err error) error {
	time.Sleep(f.delay)
	return err
}
