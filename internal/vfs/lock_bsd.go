//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// tryLock takes the lock of an open file, or fails if it is taken. It is the kind of lock that
// etcd's fileutil takes, so the log and etcd's tools keep each other out.
func tryLock(f *os.File) error {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}
