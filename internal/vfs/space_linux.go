package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// data returns the first range of data from off on, as File.Data does. Reserved space counts as a
// hole. It moves the file's cursor, which nothing else uses.
func data(f *os.File, off, size int64) (start, end int64) {
	start, err := f.Seek(off, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return size, size // there is only a hole
	}
	if err != nil {
		return off, size
	}
	if end, err = f.Seek(start, unix.SEEK_HOLE); err != nil {
		end = size
	}
	return min(start, size), min(end, size)
}

// zeroed extends the file from its end, old, to size and lets the device zero what is added, so
// that no bytes are sent to it. That needs Linux 6.17, and a device that can do it. It does not
// touch what was in the file before. It reports whether it succeeded; if not, and even if a part
// was zeroed, the space can still be reserved.
func zeroed(f *os.File, old, size int64) bool {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_WRITE_ZEROES, old, size-old) == nil
}

// nocow is the attribute of a file that btrfs overwrites in place (chattr +C).
const nocow = 0x800000

// copyOnWrite reports whether the file's file system writes new blocks where old ones are
// overwritten.
func copyOnWrite(f *os.File) bool {
	var s unix.Statfs_t
	if retried(func() error { return unix.Fstatfs(int(f.Fd()), &s) }) != nil {
		return false
	}
	switch uint32(s.Type) {
	case unix.BCACHEFS_SUPER_MAGIC, zfsMagic, nilfsMagic:
		return true
	case unix.BTRFS_SUPER_MAGIC:
		flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
		return err != nil || flags&nocow == 0
	}
	return false
}

// These are the types that statfs returns for file systems which the unix package does not name.
const (
	zfsMagic   = 0x2fc12fc1
	nilfsMagic = 0x3434
)

// stored reports whether the device holds the bytes b at off. It reads past the page cache, through
// another descriptor of the file. Before that it drops what the cache holds of the file, as far as
// it can, in case the file system reads a part through the cache anyway.
func stored(f *os.File, b []byte, off int64) bool {
	const block = 4096
	if f.Sync() != nil {
		return false
	}
	from, to := off/block*block, (off+int64(len(b))+block-1)/block*block
	direct, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		return false
	}
	defer direct.Close()
	_ = unix.Fadvise(int(f.Fd()), from, to-from, unix.FADV_DONTNEED)
	found, err := unix.Mmap(-1, 0, int(to-from), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Munmap(found) }() // it fails only for memory that Mmap did not return
	n, err := direct.ReadAt(found, from)
	if err != nil && err != io.EOF {
		return false
	}
	skip := int(off - from)
	return n >= skip+len(b) && bytes.Equal(found[skip:skip+len(b)], b)
}

// writeBack submits the pages and does not wait for them. So it does not consume an error of the
// device, which the sync that comes later has to report. What it cannot submit, that sync writes.
func writeBack(f *os.File, off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
}

// forget drops the pages from off on that are not to be written any more.
func forget(f *os.File, off int64) {
	_ = unix.Fadvise(int(f.Fd()), off, 0, unix.FADV_DONTNEED)
}
