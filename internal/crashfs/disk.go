package crashfs

import (
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/vfs"
)

// Disk is a file system in memory. It is safe for concurrent use.
//
// Relative and absolute paths begin at the same root, which always exists.
type Disk struct {
	mu     sync.Mutex
	root   *inode
	nodes  int // how many inodes were created
	deaths int // how many times the process that uses the disk has died
	opened int // how many files and directories the process has open
	fail   func(faultfs.Call) *Fault
	pieces func(n int) int // how many of the last n bytes of a read are read next; nil: all
	record *Record         // nil: changes are not kept
}

var _ vfs.FS = (*Disk)(nil)

// inode is a file or directory, as the running system sees it.
type inode struct {
	id     int
	name   string            // its current path
	files  map[string]*inode // of a directory; nil for a file
	data   []byte
	backed []bool // for each sector whether it was ever written, and not only reserved
	holder *file  // of the lock; nil: it is free
}

func (n *inode) isDir() bool { return n.files != nil }

// rename sets the path of an inode, and of all below it.
func (n *inode) rename(name string) {
	n.name = name
	for base, f := range n.files {
		f.rename(path.Join(name, base))
	}
}

// New returns a disk that holds an image, all of it on stable storage. The caller may not use the
// image's bytes any more.
func New(im Image) *Disk {
	d := &Disk{}
	d.root = d.newNode(".", true)
	for _, name := range im.names() {
		dir, isDir := strings.CutSuffix(name, "/")
		parent, base, err := d.locate("open", dir)
		if err != nil {
			parent, base = d.root, dir // the image lacks a directory, so it is not of this package
		}
		n := d.newNode(dir, isDir)
		if !isDir {
			n.data = im[name]
			n.markBacked(0, int64(len(n.data)))
		}
		parent.files[base] = n
	}
	return d
}

// newNode creates an inode. The caller holds the lock.
func (d *Disk) newNode(name string, dir bool) *inode {
	n := &inode{id: d.nodes, name: name}
	d.nodes++
	if dir {
		n.files = map[string]*inode{}
	}
	return n
}

// Kill ends the process that uses the disk: every open file is closed, and its lock is free. The
// machine stays up, so nothing that was written is lost.
func (d *Disk) Kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deaths++
	d.opened = 0
}

// Opened returns how many files and directories are open.
func (d *Disk) Opened() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.opened
}

// Image returns a copy of what the running system sees.
func (d *Disk) Image() Image {
	d.mu.Lock()
	defer d.mu.Unlock()
	im := Image{}
	d.root.collect(im)
	return im
}

// collect adds what is below a directory to an image.
func (n *inode) collect(im Image) {
	for _, f := range n.files {
		if f.isDir() {
			im[f.name+"/"] = nil
			f.collect(im)
			continue
		}
		im[f.name] = append(make([]byte, 0, len(f.data)), f.data...)
	}
}

// clean returns the path from the root that a caller's path stands for.
func clean(name string) string {
	name = path.Clean("/" + strings.TrimPrefix(filepath.ToSlash(name),
		filepath.ToSlash(filepath.VolumeName(name))))
	if name == "/" {
		return "."
	}
	return name[1:]
}

// locate returns the directory that a path is in, and the last element of the path. The caller
// holds the lock.
func (d *Disk) locate(op, name string) (dir *inode, base string, err error) {
	dir = d.root
	elems := strings.Split(clean(name), "/")
	for _, e := range elems[:len(elems)-1] {
		switch dir = dir.files[e]; {
		case dir == nil:
			return nil, "", &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		case !dir.isDir():
			return nil, "", &fs.PathError{Op: op, Path: name, Err: syscall.ENOTDIR}
		}
	}
	return dir, elems[len(elems)-1], nil
}

// find returns what a path names, or nil if there is nothing. The caller holds the lock.
func (d *Disk) find(op, name string) (*inode, error) {
	dir, base, err := d.locate(op, name)
	if err != nil {
		return nil, err
	}
	if base == "." {
		return d.root, nil
	}
	return dir.files[base], nil
}

// bind changes names in a directory, in the given order, as one change. The caller holds the lock.
func (d *Disk) bind(dir *inode, names ...binding) {
	for i := range names {
		b := &names[i]
		if b.to == nil {
			delete(dir.files, b.name)
			continue
		}
		b.to.rename(path.Join(dir.name, b.name))
		dir.files[b.name] = b.to
	}
	d.keep(change{kind: bound, node: dir.id, names: names})
}

// Abs implements [vfs.FS]. A simulated disk has no working directory other than its root.
func (d *Disk) Abs(dir string) (string, error) { return clean(dir), nil }

// IsDir implements [vfs.FS].
func (d *Disk) IsDir(name string) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, fault := d.allow(faultfs.Call{Kind: faultfs.IsDir, Name: clean(name)}); fault != nil {
		return false, fault
	}
	n, err := d.find("stat", name)
	switch {
	case err != nil && !isNotExist(err):
		return false, err
	case n == nil:
		return false, nil
	case !n.isDir():
		return false, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOTDIR}
	}
	return true, nil
}

// Mkdir implements [vfs.FS].
func (d *Disk) Mkdir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	do, fault := d.allow(faultfs.Call{Kind: faultfs.Mkdir, Name: clean(name)})
	if !do {
		return fault
	}
	dir, base, err := d.locate("mkdir", name)
	if err != nil {
		return err
	}
	if base == "." || dir.files[base] != nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrExist}
	}
	d.bind(dir, binding{base, d.newNode("", true)})
	return fault
}

// SyncDir implements [vfs.FS].
func (d *Disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	do, fault := d.allow(faultfs.Call{Kind: faultfs.SyncDir, Name: clean(dir)})
	if !do {
		return fault
	}
	n, err := d.find("open", dir)
	if err != nil {
		return err
	}
	if n == nil {
		return &fs.PathError{Op: "open", Path: dir, Err: fs.ErrNotExist}
	}
	d.sync(n, change{kind: dirSynced})
	return fault
}

// Remove implements [vfs.FS].
func (d *Disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	dir, base, err := d.locate("remove", name)
	return d.remove(dir, base, name, err)
}

// remove removes a name from a directory. err is the error of looking up the directory. The caller
// holds the lock.
func (d *Disk) remove(dir *inode, base, name string, err error) error {
	do, fault := d.allow(faultfs.Call{Kind: faultfs.Remove, Name: clean(name)})
	if !do {
		return fault
	}
	if err != nil {
		return err
	}
	switch n := dir.files[base]; {
	case n == nil:
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	case len(n.files) > 0:
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
	}
	d.bind(dir, binding{base, nil})
	return fault
}

// OpenDir implements [vfs.FS].
func (d *Disk) OpenDir(name string) (vfs.Dir, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	do, fault := d.allow(faultfs.Call{Kind: faultfs.OpenDir, Name: clean(name)})
	if !do {
		return nil, fault
	}
	n, err := d.find("open", name)
	switch {
	case err != nil:
		return nil, err
	case n == nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case !n.isDir():
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOTDIR}
	case fault != nil:
		return nil, fault
	}
	d.opened++
	return &dir{disk: d, node: n, path: name, process: d.deaths}, nil
}
