package crashfs

import (
	"fmt"
	"strings"
)

// Record holds every change of a disk since [Disk.Record], in order. It can be read while the disk
// is in use.
type Record struct {
	disk    *Disk
	base    *inode   // the tree at the beginning, with its bytes
	loose   *Media   // the media at the beginning; nil: all of base was on stable storage
	changes []change // guarded by the disk's lock
}

type changeKind string

const (
	written    changeKind = "write"
	resized    changeKind = "resize"
	bound      changeKind = "names"
	synced     changeKind = "sync"
	dataSynced changeKind = "datasync"
	syncLost   changeKind = "lost sync" // it failed, and the pages count as clean
	dirSynced  changeKind = "sync-dir"
)

// change is one thing that happened to an inode.
type change struct {
	kind  changeKind
	node  int
	off   int64     // of a write; of a resize, the new size
	data  []byte    // of a write
	names []binding // of a directory, changed by one call
	since int       // of a sync: how many changes there were before it began
}

// binding says what a name in a directory stands for from then on. If to is nil, it stands for
// nothing.
type binding struct {
	name string
	to   *inode
}

func (b binding) String() string {
	if b.to == nil {
		return "no " + b.name
	}
	return fmt.Sprintf("%s is #%d", b.name, b.to.id)
}

func (c change) String() string {
	switch c.kind {
	case written:
		return fmt.Sprintf("%s %d bytes at %d of #%d", c.kind, len(c.data), c.off, c.node)
	case resized:
		return fmt.Sprintf("%s #%d to %d", c.kind, c.node, c.off)
	case bound:
		return fmt.Sprintf("%s in #%d: %v", c.kind, c.node, c.names)
	}
	return fmt.Sprintf("%s #%d, what was before %d", c.kind, c.node, c.since)
}

// Record begins to keep all changes. What is on the disk now counts as being on stable storage. An
// earlier record ends.
func (d *Disk) Record() *Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.record = &Record{disk: d, base: d.root.copy()}
	return d.record
}

// copy copies an inode and all below it.
func (n *inode) copy() *inode {
	out := &inode{id: n.id, name: n.name}
	if n.isDir() {
		out.files = make(map[string]*inode, len(n.files))
		for name, f := range n.files {
			out.files[name] = f.copy()
		}
		return out
	}
	out.data = append([]byte(nil), n.data...)
	return out
}

// keep adds a change to the record. The caller holds the lock.
func (d *Disk) keep(c change) {
	if d.record != nil {
		d.record.changes = append(d.record.changes, c)
	}
}

// Len returns the number of changes so far.
func (r *Record) Len() int {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	return len(r.changes)
}

// String returns the changes, one a line, for the message of a failing test.
func (r *Record) String() string {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	var b strings.Builder
	for i, c := range r.changes {
		fmt.Fprintf(&b, "%4d %s\n", i+1, c)
	}
	return b.String()
}
