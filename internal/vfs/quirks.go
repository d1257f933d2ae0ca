package vfs

import (
	"errors"
	"sync/atomic"
	"syscall"
)

// IsShortage reports whether an error says that something is used up which can be there again
// later: space, quota, descriptors, memory.
func IsShortage(err error) bool { return isOneOf(err, shortages) }

func isOneOf(err error, list []syscall.Errno) bool {
	for _, e := range list {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Lack is something that a file system turned out to be unable to do. What is done in its place is
// less than the log would have, but not wrong.
type Lack uint32

const (
	// LackReserve is space that cannot be allocated ahead: the length alone was set, so a full disk
	// can show at any write.
	LackReserve Lack = 1 << iota
	// LackSyncDir is a directory that cannot be synced: that a name is durable is left to the file
	// system.
	LackSyncDir
)

// lacks is what was found to be missing so far.
type lacks struct{ bits atomic.Uint32 }

func (l *lacks) add(lack Lack) { l.bits.Or(uint32(lack)) }

// Lacks implements [Dir].
func (l *lacks) Lacks() Lack { return Lack(l.bits.Load()) }
