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

func (f *faultFS) open(kind opKind, name string, open func(string) (vfs.File, error)) (vfs.File, error) {
	if _, err := f.do(op{kind: kind, name: filepath.Base(name)}); err != nil {
		return nil, err
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultFile{File: file, fs: f, name: filepath.Base(name)}, nil
}

func (f *faultFS) OpenRead(name string) (vfs.File, error) {
	return f.open(opOpenRead, name, f.FS.OpenRead)
}

func (f *faultFS) OpenLocked(name string) (vfs.File, error) {
	return f.open(opOpenLocked, name, f.FS.OpenLocked)
}

func (f *faultFS) CreateLocked(name string) (vfs.File, error) {
	return f.open(opCreate, name, f.FS.CreateLocked)
}

func (f *faultFS) CreateNew(name string) (vfs.File, error) {
	return f.open(opCreate, name, f.FS.CreateNew)
}

func (f *faultFS) Rename(oldName, newName string) error {
	if _, err := f.do(op{kind: opRename, name: filepath.Base(newName)}); err != nil {
		return err
	}
	return f.FS.Rename(oldName, newName)
}

func (f *faultFS) Remove(name string) error {
	if _, err := f.do(op{kind: opRemove, name: filepath.Base(name)}); err != nil {
		return err
	}
	return f.FS.Remove(name)
}

func (f *faultFS) List(dir string) ([]string, error) {
	if _, err := f.do(op{kind: opList, name: dir}); err != nil {
		return nil, err
	}
	return f.FS.List(dir)
}

func (f *faultFS) Mkdir(dir string) error {
	if _, err := f.do(op{kind: opMkdir, name: filepath.Base(dir)}); err != nil {
		return err
	}
	return f.FS.Mkdir(dir)
}

func (f *faultFS) SyncDir(dir string) error {
	if _, err := f.do(op{kind: opSyncDir, name: dir}); err != nil {
		return err
	}
	return f.FS.SyncDir(dir)
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
