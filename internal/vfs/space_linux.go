package vfs

import (
	"errors"
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

// writeBack submits the pages and does not wait for them, so it does not take the
// device's error away from the sync that comes later. What it cannot do, the sync does.
func writeBack(f *os.File, off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
}
