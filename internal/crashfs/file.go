package crashfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"syscall"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/vfs"
)

// SectorSize is the size in bytes of what the disk writes whole or not at all.
const SectorSize = 512

// file is an open file.
type file struct {
	disk    *Disk
	node    *inode
	write   bool
	closed  bool
	process int // the number of the process that opened it
}

var _ vfs.File = (*file)(nil)

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// begin takes the disk's lock for a call, which the caller releases even after an error. It returns
// the fault of the call, if there is one, and an error if the file is not open.
func (f *file) begin(kind faultfs.Kind, off int64, n int) (fault *Fault, err error) {
	f.disk.mu.Lock()
	if !f.open() {
		return nil, f.error(kind, fs.ErrClosed)
	}
	return f.disk.fault(faultfs.Call{Kind: kind, Name: f.node.name, Off: off, N: n}), nil
}

// open reports whether the file is open: it is not if it was closed, or if its process has died.
func (f *file) open() bool { return !f.closed && f.process == f.disk.deaths }

// error returns the error of a call, with the file's path.
func (f *file) error(kind faultfs.Kind, err error) error {
	return &fs.PathError{Op: string(kind), Path: f.node.name, Err: err}
}

// ReadAt implements [io.ReaderAt].
func (f *file) ReadAt(b []byte, off int64) (int, error) {
	fault, err := f.begin(faultfs.Read, off, len(b))
	defer f.disk.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if fault != nil {
		return 0, fault.Err
	}
	n := 0
	for more := true; more; {
		from, part := off+int64(n), b[n:]
		if f.disk.pieces != nil { // even a single read does not show one moment
			part = part[:f.disk.pieces(len(part))]
		}
		got := 0
		if from < int64(len(f.node.data)) {
			got = copy(part, f.node.data[from:])
		}
		n += got
		more = got == len(part) && n < len(b)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements [io.WriterAt].
func (f *file) WriteAt(b []byte, off int64) (int, error) {
	fault, err := f.begin(faultfs.Write, off, len(b))
	defer f.disk.mu.Unlock()
	if err == nil && !f.write {
		err = f.error(faultfs.Write, syscall.EBADF)
	}
	if err != nil {
		return 0, err
	}
	if fault != nil {
		if !fault.Done {
			b = b[:min(fault.Partial, len(b))]
		}
		err = fault.Err
	}
	if len(b) > 0 {
		n := f.node
		n.write(off, b)
		if f.disk.record != nil {
			f.disk.keep(change{kind: written, node: n.id, off: off, data: bytes.Clone(b)})
		}
	}
	return len(b), err
}

// write writes b at offset off.
func (n *inode) write(off int64, b []byte) {
	n.resize(max(int64(len(n.data)), off+int64(len(b))))
	copy(n.data[off:], b)
	n.markBacked(off, off+int64(len(b)))
}

// resize sets the length. Bytes that are added are zeros.
func (n *inode) resize(size int64) {
	switch grow := size - int64(len(n.data)); {
	case grow > 0:
		n.data = append(n.data, make([]byte, grow)...)
	case grow < 0:
		clear(n.data[size:]) // the file may grow again, into these bytes
		n.data = n.data[:size]
		n.backed = n.backed[:min(len(n.backed), int(sectorsIn(size)))]
	}
}

// sectorsIn returns how many sectors a file of the given size has.
func sectorsIn(size int64) int64 { return (size + SectorSize - 1) / SectorSize }

// markBacked records that the sectors from offset from to offset to were written.
func (n *inode) markBacked(from, to int64) {
	if grow := int(sectorsIn(to)) - len(n.backed); grow > 0 {
		n.backed = append(n.backed, make([]bool, grow)...)
	}
	for i := from / SectorSize; i < sectorsIn(to); i++ {
		n.backed[i] = true
	}
}

// Truncate implements [vfs.File].
func (f *file) Truncate(size int64) error {
	return f.setSize(faultfs.Truncate, size, size)
}

// Reserve implements [vfs.File].
func (f *file) Reserve(size int64) error {
	return f.setSize(faultfs.Reserve, size, -1)
}

// setSize sets the length to size. If shrink is negative, the file does not become shorter.
func (f *file) setSize(kind faultfs.Kind, size, shrink int64) error {
	fault, err := f.begin(kind, size, 0)
	defer f.disk.mu.Unlock()
	if err == nil && !f.write {
		err = f.error(kind, syscall.EBADF)
	}
	if err != nil {
		return err
	}
	if fault != nil && !fault.Done {
		return fault.Err
	}
	n := f.node
	if shrink < 0 {
		size = max(size, int64(len(n.data)))
	}
	if size != int64(len(n.data)) {
		n.resize(size)
		f.disk.keep(change{kind: resized, node: n.id, off: size})
	}
	if fault != nil {
		return fault.Err
	}
	return nil
}

// Size implements [vfs.File].
func (f *file) Size() (int64, error) {
	fault, err := f.begin(faultfs.Size, 0, 0)
	defer f.disk.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if fault != nil {
		return 0, fault.Err
	}
	return int64(len(f.node.data)), nil
}

// Data implements [vfs.File].
func (f *file) Data(off int64) (start, end int64, err error) {
	fault, err := f.begin(faultfs.Data, off, 0)
	defer f.disk.mu.Unlock()
	if err != nil {
		return 0, 0, err
	}
	if fault != nil {
		return 0, 0, fault.Err
	}
	size, backed := int64(len(f.node.data)), f.node.backed
	i := min(off, size) / SectorSize
	for ; i < int64(len(backed)) && !backed[i]; i++ {
	}
	if i >= int64(len(backed)) {
		return size, size, nil
	}
	start = max(i*SectorSize, off)
	for ; i < int64(len(backed)) && backed[i]; i++ {
	}
	return min(start, size), min(i*SectorSize, size), nil
}

// Renamed implements [vfs.File]. It does nothing, because the inode has its name.
func (f *file) Renamed(string) {}

// CopyOnWrite implements [vfs.File]: the disk overwrites in place.
func (f *file) CopyOnWrite() bool { return false }

// Stored implements [vfs.File]: it cannot find out what is stored.
func (f *file) Stored([]byte, int64) bool { return false }

// WriteBack implements [vfs.File]. It does nothing, because what was not synced may be on the disk
// anyway.
func (f *file) WriteBack(int64, int64) {}

func (f *file) Forget(int64) {}

// Datasync implements [vfs.File].
func (f *file) Datasync() error { return f.sync(faultfs.Datasync, dataSynced) }

// Sync implements [vfs.File].
func (f *file) Sync() error { return f.sync(faultfs.Sync, synced) }

// sync makes a sync of kind k, unless the call has a fault that forbids it.
func (f *file) sync(kind faultfs.Kind, k changeKind) error {
	fault, err := f.begin(kind, 0, 0)
	defer f.disk.mu.Unlock()
	if err != nil {
		return err
	}
	switch {
	case fault == nil:
		f.disk.sync(f.node, change{kind: k})
		return nil
	case fault.Clean:
		f.disk.sync(f.node, change{kind: syncLost})
	case fault.Done:
		f.disk.sync(f.node, change{kind: k})
	}
	return fault.Err
}

// sync records a sync. A sync takes some time, and does not cover what other goroutines do
// meanwhile. The caller holds the lock, which sync gives up for that time.
func (d *Disk) sync(n *inode, c change) {
	if d.record == nil {
		return
	}
	c.node, c.since = n.id, len(d.record.changes)
	d.mu.Unlock()
	runtime.Gosched()
	d.mu.Lock()
	d.keep(c)
}

// Close implements [vfs.File].
func (f *file) Close() error {
	fault, err := f.begin(faultfs.Close, 0, 0)
	defer f.disk.mu.Unlock()
	if err != nil {
		return err
	}
	f.closed = true
	f.disk.opened--
	if f.node.holder == f {
		f.node.holder = nil
	}
	if fault != nil {
		return fault.Err
	}
	return nil
}
