package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// datasync makes a file's data durable, and the metadata that is needed to read it.
func datasync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// openDirect opens a file for writes that bypass the page cache and are durable when they return.
func openDirect(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_DIRECT|unix.O_DSYNC, 0)
	if errors.Is(err, syscall.EINVAL) {
		return nil, fmt.Errorf("%w: the file system has no O_DIRECT", errUnsupported)
	}
	return f, err
}

// reserve reserves space of a file, whose size grows with it.
func reserve(f *os.File, off, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, off, size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("%w: the file system reserves no space", errUnsupported)
	}
	return err
}

// aligned returns n bytes at an address that is aligned as direct writes require.
func aligned(n int) []byte {
	b := make([]byte, n+directBlock)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) % directBlock
	return b[skip : skip+uintptr(n)]
}

// settle waits until the file system of dir has nothing left to write, so that a run does not pay
// for the run before it.
func settle(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return closing(unix.Syncfs(int(d.Fd())), d)
}
