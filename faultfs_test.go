package wal

import (
	"errors"
	"path/filepath"
	"sync"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// opKind is a kind of call on the file system.
type opKind string

const (
	opOpenDir    opKind = "open-dir"
	opOpenRead   opKind = "open-read"
	opOpenLocked opKind = "open-locked"
	opCreate     opKind = "create"
	opRename     opKind = "rename"
	opRemove     opKind = "remove"
	opList       opKind = "list"
	opMkdir      opKind = "mkdir"
	opSyncDir    opKind = "sync-dir"
	opRead       opKind = "read"
	opWrite      opKind = "write"
	opTruncate   opKind = "truncate"
	opReserve    opKind = "reserve"
	opDatasync   opKind = "datasync"
	opSync       opKind = "sync"
	opClose      opKind = "close"
)

// op is one call that reached the file system; name has no directory but for opSyncDir.
type op struct {
	kind opKind
	name string
	off  int64 // of a read or write; the size of a truncate or reserve
	n    int   // bytes of a read or write
}

// faultFS is the real file system with a record of the calls, any of which can
// be made to fail. It is safe for concurrent use.
type faultFS struct {
	vfs.FS

	mu  sync.Mutex
	ops []op
	// fail is asked before each call; an error is returned in place of the
	// call. For a write it may say that a part of the bytes is written first. nil
	// lets all pass. It is called with mu held.
	fail func(o op) (partial int, err error)
}

func newFaultFS() *faultFS { return &faultFS{FS: vfs.OS{}} }

// withFS runs a log on another file system.
func withFS(fsys vfs.FS) Option { return func(o *options) { o.fs = fsys } }

// setFail sets what fails from now on.
func (f *faultFS) setFail(fail func(o op) (partial int, err error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

// record returns the calls so far, of the given kinds or of all, and begins anew.
func (f *faultFS) record(kinds ...opKind) []op {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []op
	for _, o := range f.ops {
		for _, k := range kinds {
			if o.kind == k {
				out = append(out, o)
			}
		}
		if len(kinds) == 0 {
			out = append(out, o)
		}
	}
	f.ops = nil
	return out
}

func (f *faultFS) do(o op) (partial int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ops = append(f.ops, o)
	if f.fail == nil {
		return 0, nil
	}
	return f.fail(o)
}

// call makes a call on the file system, if it may happen.
func (f *faultFS) call(o op, call func() error) error {
	if _, err := f.do(o); err != nil {
		return err
	}
	return call()
}

func (f *faultFS) OpenDir(name string) (vfs.Dir, error) {
	var d vfs.Dir
	err := f.call(op{kind: opOpenDir, name: name}, func() (err error) {
		d, err = f.FS.OpenDir(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &faultDir{d, f}, nil
}

func (f *faultFS) Remove(name string) error {
	return f.call(op{kind: opRemove, name: filepath.Base(name)}, func() error { return f.FS.Remove(name) })
}

func (f *faultFS) Mkdir(dir string) error {
	return f.call(op{kind: opMkdir, name: filepath.Base(dir)}, func() error { return f.FS.Mkdir(dir) })
}

func (f *faultFS) SyncDir(dir string) error {
	return f.call(op{kind: opSyncDir, name: dir}, func() error { return f.FS.SyncDir(dir) })
}

// faultDir is an open directory of a faultFS.
type faultDir struct {
	vfs.Dir
	fs *faultFS
}

func (d *faultDir) open(kind opKind, name string, open func(string) (vfs.File, error)) (vfs.File, error) {
	var file vfs.File
	err := d.fs.call(op{kind: kind, name: name}, func() (err error) {
		file, err = open(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &faultFile{File: file, fs: d.fs, name: name}, nil
}

func (d *faultDir) OpenRead(name string) (vfs.File, error) {
	return d.open(opOpenRead, name, d.Dir.OpenRead)
}

func (d *faultDir) OpenLocked(name string) (vfs.File, error) {
	return d.open(opOpenLocked, name, d.Dir.OpenLocked)
}

func (d *faultDir) CreateLocked(name string) (vfs.File, error) {
	return d.open(opCreate, name, d.Dir.CreateLocked)
}

func (d *faultDir) CreateNew(name string) (vfs.File, error) {
	return d.open(opCreate, name, d.Dir.CreateNew)
}

func (d *faultDir) Rename(oldName, newName string) error {
	return d.fs.call(op{kind: opRename, name: newName}, func() error { return d.Dir.Rename(oldName, newName) })
}

func (d *faultDir) Remove(name string) error {
	return d.fs.call(op{kind: opRemove, name: name}, func() error { return d.Dir.Remove(name) })
}

func (d *faultDir) List() (names []string, err error) {
	err = d.fs.call(op{kind: opList, name: d.Path()}, func() (err error) {
		names, err = d.Dir.List()
		return err
	})
	return names, err
}

func (d *faultDir) Sync() error {
	return d.fs.call(op{kind: opSyncDir, name: d.Path()}, d.Dir.Sync)
}

// faultFile is an open file of a faultFS. name is the one it was opened with.
type faultFile struct {
	vfs.File
	fs   *faultFS
	name string
}

func (f *faultFile) ReadAt(b []byte, off int64) (int, error) {
	if _, err := f.fs.do(op{opRead, f.name, off, len(b)}); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, off)
}

func (f *faultFile) WriteAt(b []byte, off int64) (int, error) {
	partial, err := f.fs.do(op{opWrite, f.name, off, len(b)})
	if err != nil {
		n, werr := f.File.WriteAt(b[:min(partial, len(b))], off)
		if werr != nil {
			return n, werr
		}
		return n, err
	}
	return f.File.WriteAt(b, off)
}

func (f *faultFile) Truncate(size int64) error {
	if _, err := f.fs.do(op{kind: opTruncate, name: f.name, off: size}); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultFile) Reserve(size int64) error {
	if _, err := f.fs.do(op{kind: opReserve, name: f.name, off: size}); err != nil {
		return err
	}
	return f.File.Reserve(size)
}

func (f *faultFile) Datasync() error {
	if _, err := f.fs.do(op{kind: opDatasync, name: f.name}); err != nil {
		return err
	}
	return f.File.Datasync()
}

func (f *faultFile) Sync() error {
	if _, err := f.fs.do(op{kind: opSync, name: f.name}); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultFile) Close() error {
	_, err := f.fs.do(op{kind: opClose, name: f.name})
	if cerr := f.File.Close(); err == nil {
		err = cerr
	}
	return err
}

var errDead = errors.New("the process is dead")

// dying makes every call from the n-th on fail.
func dying(fsys *faultFS, n int) (calls *int) {
	calls = new(int)
	fsys.setFail(func(op) (int, error) {
		if *calls++; *calls >= n {
			return 0, errDead
		}
		return 0, nil
	})
	return calls
}
