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

func (s slowFS) open(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return slowFile{f, s.delay}, nil
}

func (s slowFS) OpenRead(name string) (vfs.File, error)     { return s.open(s.FS.OpenRead(name)) }
func (s slowFS) OpenLocked(name string) (vfs.File, error)   { return s.open(s.FS.OpenLocked(name)) }
func (s slowFS) CreateLocked(name string) (vfs.File, error) { return s.open(s.FS.CreateLocked(name)) }
func (s slowFS) CreateNew(name string) (vfs.File, error)    { return s.open(s.FS.CreateNew(name)) }

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
