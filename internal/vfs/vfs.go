// Package vfs has interfaces for what the log needs of a file system, and no more.
//
// Tests implement them with disks that fail or forget. The implementation for real files, [OS],
// uses etcd's fileutil for locks, for preallocation, and for the syncs that differ between systems.
package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// ErrLocked is returned if another open file, in this process or another one, holds the exclusive
// lock.
var ErrLocked = errors.New("locked: it is open for appending, in this process or another one; " +
	"close it there, or read it with OpenForRead")

// File is an open file. Reads and writes give their offset, so a File has no cursor and may be used
// by several goroutines.
type File interface {
	io.ReaderAt
	io.WriterAt
	// Close closes the file and gives up its lock, if it has one.
	Close() error
	// Renamed sets the name that errors give, after a Dir.Rename.
	Renamed(name string)
	// Size returns the length of the file in bytes.
	Size() (int64, error)
	// Truncate sets the length of the file, in bytes. If the file grows, the bytes that are added read
	// as zeros.
	Truncate(size int64) error
	// Reserve allocates space on the device for the first size bytes and makes the file at least that
	// long. The bytes that are added read as zeros; if the device can zero by itself, they count as
	// data afterwards. On a file system that cannot allocate ahead, whatever its error, Reserve only
	// sets the length.
	Reserve(size int64) error
	// Data returns the first range from off on, within the file, whose blocks are on the device as
	// data, zeros included. What lies between off and start is a hole or only reserved, and reads as
	// zeros. If there is no such range, it returns an empty one at the file's end. On a file system
	// that does not say, all of the file is data.
	Data(off int64) (start, end int64, err error)
	// CopyOnWrite reports whether the file system writes what is overwritten to another place.
	CopyOnWrite() bool
	// Stored reports whether the device holds the bytes b at off, by reading past the system's cache.
	// It reports false if that cannot be found out.
	Stored(b []byte, off int64) bool
	// WriteBack starts to write n bytes from off on to stable storage, which were written to the file
	// before. It is a hint: it waits for nothing, promises nothing, and leaves errors to the next
	// sync.
	WriteBack(off, n int64)
	// Forget drops what the system's cache holds from off on, but for what is still to be written. It
	// is a hint. Reserved space that was read counts as data as long as the cache holds it.
	Forget(off int64)
	// Datasync puts the written bytes, and the length that is needed to read them, on stable storage.
	Datasync() error
	// Sync puts the file's bytes and all of its metadata on stable storage.
	Sync() error
}

// ErrIrregular is returned for a name that does not stand for a regular file.
var ErrIrregular = errors.New("not a regular file")

// ErrMoved is returned by Dir.Check if the path names something other than the directory, or
// nothing.
var ErrMoved = errors.New("the path no longer names the directory that was opened")

// ErrDeleted is returned by Dir.Check if the directory has no name any more.
var ErrDeleted = fmt.Errorf("the directory was deleted: %w", fs.ErrNotExist)

// FS is a file system. Names are paths, as Abs returns them or as the caller gives them. Errors are
// those of package os: they satisfy errors.Is with fs.ErrNotExist and so on.
type FS interface {
	// Abs returns a name of the directory that stays right if the process changes its working
	// directory.
	Abs(dir string) (string, error)
	// OpenDir opens a directory and holds it open. The path of the Dir is name.
	OpenDir(name string) (Dir, error)
	// IsDir reports whether there is a directory of that name. It fails if something else has the
	// name, or if it cannot find out.
	IsDir(name string) (bool, error)
	// Mkdir creates one directory.
	Mkdir(dir string) error
	// Remove deletes an empty directory. It fails for a symbolic link to one, and leaves it.
	Remove(name string) error
	// SyncDir puts the entries of a directory on stable storage.
	SyncDir(dir string) error
}

// Dir is a directory that is held open. Names are those of files in it, without a directory.
//
// Whatever happens to its path, a Dir stands for the directory that was opened. If the system
// cannot use a directory other than by its path, each call on a name compares first, and returns
// ErrMoved if the path names another directory.
//
// A Dir may be used by several goroutines. After Close, every call but Path and Close returns
// fs.ErrClosed; files that were opened stay open.
type Dir interface {
	// Path returns the path that it was opened with.
	Path() string
	// Check returns nil if the path still names this directory, ErrMoved if it does not, and
	// ErrDeleted if the directory is gone. If it cannot find out, it returns nil.
	Check() error
	// OpenRead opens an existing file for reading, without a lock. The error is ErrIrregular if the
	// name, or what a symbolic link of that name leads to, is not a regular file. It does not wait for
	// such a thing to open.
	OpenRead(name string) (File, error)
	// OpenLocked opens an existing file for reading and writing and takes its exclusive lock. The
	// error is ErrLocked if the lock is taken, and ErrIrregular as in OpenRead.
	OpenLocked(name string) (File, error)
	// CreateLocked is OpenLocked for a file that need not exist yet. It keeps the content of an
	// existing file: only the holder of the lock may truncate it. The error is ErrIrregular also for a
	// symbolic link, and for a file with more than one name: truncating those would empty a file that
	// stands elsewhere.
	CreateLocked(name string) (File, error)
	// CreateNew creates a file for writing. The error is fs.ErrExist if the name is taken.
	CreateNew(name string) (File, error)
	// IsFile reports whether the name itself, and not what a link leads to, is a regular file.
	IsFile(name string) (bool, error)
	// Rename gives a file another name, and replaces the file that has that name. Or it gives a
	// directory another name, which must be free.
	Rename(oldName, newName string) error
	// Remove deletes a file.
	Remove(name string) error
	// List returns the names in the directory, sorted.
	List() ([]string, error)
	// Sync puts the names on stable storage. On a file system that cannot do that, it does nothing.
	Sync() error
	// Lacks returns what the file system has turned out to be unable to do so far.
	Lacks() Lack
	// Close closes the directory.
	Close() error
}
