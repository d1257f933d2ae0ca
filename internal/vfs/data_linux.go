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
