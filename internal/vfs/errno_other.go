//go:build !unix

package vfs

import "syscall"

// shortages are Windows' ERROR_TOO_MANY_OPEN_FILES, ERROR_NOT_ENOUGH_MEMORY,
// ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL, ERROR_NO_SYSTEM_RESOURCES and ERROR_DISK_QUOTA_EXCEEDED.
var shortages = []syscall.Errno{4, 8, 39, 112, 1450, 1295}

// unreservable is empty: this system does not allocate ahead, so every error means that.
var unreservable []syscall.Errno

// unsyncable are the errors of a directory that cannot be synced.
var unsyncable []syscall.Errno
