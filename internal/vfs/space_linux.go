package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// data asks for the next data and the hole behind it; reserved space counts as a
// hole. It moves the file's cursor, which nothing here uses.
func data(f *os.File, off, size int64) (start, end int64) {
	start, err := f.Seek(off, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return size, size // nothing but a hole
	}
	if err != nil {
		return off, size
	}
	if end, err = f.Seek(start, unix.SEEK_HOLE); err != nil {
		end = size
	}
	return min(start, size), min(end, size)
}

// zeroed has the device zero the file from its end, old, to size, without a byte written
// from here: that takes Linux 6.17, and a device that can. What was in the file before is out
// of its reach. If it cannot be done, or not all of it, the space can still be reserved.
func zeroed(f *os.File, old, size int64) bool {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_WRITE_ZEROES, old, size-old) == nil
}

// nocow is the attribute of a file that btrfs overwrites in place (chattr +C).
const nocow = 0x800000

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

const (
	zfsMagic   = 0x2fc12fc1
	nilfsMagic = 0x3434
)

// stored reads past the page cache, through another descriptor of the file. What is in the cache is
// dropped before, as far as it can be, in case the file system reads some of it through the cache
// anyway.
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
	defer func() { _ = unix.Munmap(found) }() // it fails only for what Mmap did not return
	n, err := direct.ReadAt(found, from)
	if err != nil && err != io.EOF {
		return false
	}
	skip := int(off - from)
	return n >= skip+len(b) && bytes.Equal(found[skip:skip+len(b)], b)
}

// writeBack submits the pages and does not wait for them, so it does not take the
// device's error away from the sync that comes later. What it cannot do, the sync does.
func writeBack(f *os.File, off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
}
