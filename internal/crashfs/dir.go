package crashfs

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"syscall"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/vfs"
)

// dir is an open directory.
type dir struct {
	disk    *Disk
	node    *inode
	path    string // the path that it was opened with
	closed  bool
	process int // the number of the process that opened it
}

var _ vfs.Dir = (*dir)(nil)

// begin takes the disk's lock for a call, which the caller releases even after an error. It returns
// an error if the directory is not open.
func (d *dir) begin(kind faultfs.Kind) error {
	d.disk.mu.Lock()
	if d.closed || d.process != d.disk.deaths {
		return &fs.PathError{Op: string(kind), Path: d.path, Err: fs.ErrClosed}
	}
	return nil
}

// name returns a file's path on the disk.
func (d *dir) name(base string) string { return path.Join(d.node.name, base) }

// Path implements [vfs.Dir].
func (d *dir) Path() string { return d.path }

// Lacks implements [vfs.Dir].
func (d *dir) Lacks() vfs.Lack { return 0 }

// Check implements [vfs.Dir].
func (d *dir) Check() error {
	err := d.begin(faultfs.OpenDir)
	defer d.disk.mu.Unlock()
	if err != nil {
		return err
	}
	if n, err := d.disk.find("stat", d.path); err != nil || n != d.node {
		return vfs.ErrMoved
	}
	return nil
}

// mode says how a file is opened.
type mode struct {
	kind                  faultfs.Kind
	write, create, unique bool
	lock                  bool
}

// open opens a file of the directory.
func (d *dir) open(base string, m mode) (vfs.File, error) {
	err := d.begin(m.kind)
	defer d.disk.mu.Unlock()
	if err != nil {
		return nil, err
	}
	do, fault := d.disk.allow(faultfs.Call{Kind: m.kind, Name: d.name(base)})
	if !do {
		return nil, fault
	}
	n := d.node.files[base]
	failed := func(err error) error { return &fs.PathError{Op: "open", Path: d.name(base), Err: err} }
	switch {
	case n == nil && !m.create:
		return nil, failed(fs.ErrNotExist)
	case n != nil && m.unique:
		return nil, failed(fs.ErrExist)
	case n != nil && n.isDir():
		return nil, failed(vfs.ErrIrregular)
	case n == nil:
		n = d.disk.newNode("", false)
		d.disk.bind(d.node, binding{base, n})
	}
	if fault != nil {
		return nil, fault
	}
	f := &file{disk: d.disk, node: n, write: m.write, process: d.process}
	if m.lock {
		if n.holder != nil && n.holder.open() {
			return nil, failed(vfs.ErrLocked)
		}
		n.holder = f
	}
	d.disk.opened++
	return f, nil
}

// OpenRead implements [vfs.Dir].
func (d *dir) OpenRead(name string) (vfs.File, error) {
	return d.open(name, mode{kind: faultfs.OpenRead})
}

// OpenLocked implements [vfs.Dir].
func (d *dir) OpenLocked(name string) (vfs.File, error) {
	return d.open(name, mode{kind: faultfs.OpenLocked, write: true, lock: true})
}

// CreateLocked implements [vfs.Dir].
func (d *dir) CreateLocked(name string) (vfs.File, error) {
	return d.open(name, mode{kind: faultfs.Create, write: true, create: true, lock: true})
}

// CreateNew implements [vfs.Dir].
func (d *dir) CreateNew(name string) (vfs.File, error) {
	return d.open(name, mode{kind: faultfs.Create, write: true, create: true, unique: true})
}

// IsFile implements [vfs.Dir].
func (d *dir) IsFile(name string) (bool, error) {
	err := d.begin(faultfs.List)
	defer d.disk.mu.Unlock()
	if err != nil {
		return false, err
	}
	if _, fault := d.disk.allow(faultfs.Call{Kind: faultfs.List, Name: d.name(name)}); fault != nil {
		return false, fault
	}
	n := d.node.files[name]
	if n == nil {
		return false, &fs.PathError{Op: "stat", Path: d.name(name), Err: fs.ErrNotExist}
	}
	return !n.isDir(), nil
}

// Rename implements [vfs.Dir].
func (d *dir) Rename(oldName, newName string) error {
	err := d.begin(faultfs.Rename)
	defer d.disk.mu.Unlock()
	if err != nil {
		return err
	}
	do, fault := d.disk.allow(faultfs.Call{Kind: faultfs.Rename, Name: d.name(newName)})
	if !do {
		return fault
	}
	n := d.node.files[oldName]
	if n == nil {
		return &fs.PathError{Op: "rename", Path: d.name(oldName), Err: fs.ErrNotExist}
	}
	if oldName != newName {
		d.disk.bind(d.node, binding{newName, n}, binding{oldName, nil})
	}
	return fault
}

// Remove implements [vfs.Dir].
func (d *dir) Remove(name string) error {
	err := d.begin(faultfs.Remove)
	defer d.disk.mu.Unlock()
	if err != nil {
		return err
	}
	if n := d.node.files[name]; n != nil && n.isDir() {
		err = &fs.PathError{Op: "remove", Path: d.name(name), Err: syscall.EISDIR}
	}
	return d.disk.remove(d.node, name, d.name(name), err)
}

// List implements [vfs.Dir].
func (d *dir) List() ([]string, error) {
	err := d.begin(faultfs.List)
	defer d.disk.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if _, fault := d.disk.allow(faultfs.Call{Kind: faultfs.List, Name: d.node.name}); fault != nil {
		return nil, fault
	}
	return slices.Sorted(maps.Keys(d.node.files)), nil
}

// Sync implements [vfs.Dir].
func (d *dir) Sync() error {
	err := d.begin(faultfs.SyncDir)
	defer d.disk.mu.Unlock()
	if err != nil {
		return err
	}
	do, fault := d.disk.allow(faultfs.Call{Kind: faultfs.SyncDir, Name: d.node.name})
	if !do {
		return fault
	}
	d.disk.sync(d.node, change{kind: dirSynced})
	return fault
}

// Close implements [vfs.Dir].
func (d *dir) Close() error {
	err := d.begin(faultfs.Close)
	defer d.disk.mu.Unlock()
	if err != nil {
		return err
	}
	d.closed = true
	d.disk.opened--
	return nil
}
