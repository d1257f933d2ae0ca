//go:build unix

package vfs

import "syscall"

// shortages are the errors that IsShortage reports.
var shortages = []syscall.Errno{
	syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS,
}

// unreservable are the errors of an allocation that a write would have got as well. Any other error
// means that this file system, or a layer above it, does not allocate ahead.
var unreservable = append([]syscall.Errno{
	syscall.EIO, syscall.EFBIG, syscall.EROFS, syscall.EBADF, syscall.ESTALE,
}, shortages...)

// unsyncable are the errors of a directory that cannot be synced.
var unsyncable = []syscall.Errno{syscall.EINVAL, syscall.ENOTSUP, syscall.EOPNOTSUPP,
	syscall.ENOSYS, syscall.ENOTTY}
