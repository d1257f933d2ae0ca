package vfs

import (
	"errors"
	"sync/atomic"
	"syscall"
)

// IsShortage reports whether an error means that a resource is used up for now: space, quota,
// descriptors, or memory. A later try may succeed.
func IsShortage(err error) bool { return isOneOf(err, shortages) }

// isOneOf reports whether an error is, or wraps, one of a list.
func isOneOf(err error, list []syscall.Errno) bool {
	for _, e := range list {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Lack is a set of things that a file system turned out to be unable to do. What is done instead
// gives the log less, but is not wrong.
type Lack uint32

const (
	// LackReserve means that space cannot be allocated ahead. Only the length was set, so any write
	// can find the disk full.
	LackReserve Lack = 1 << iota
	// LackSyncDir means that a directory cannot be synced. It is left to the file system to make names
	// durable.
	LackSyncDir
)

// lacks collects what a file system cannot do, as far as was found out. It is safe for concurrent
// use.
type lacks struct{ bits atomic.Uint32 }

// add adds to the set.
func (l *lacks) add(lack Lack) { l.bits.Or(uint32(lack)) }

// Lacks implements [Dir].
func (l *lacks) Lacks() Lack { return Lack(l.bits.Load()) }
