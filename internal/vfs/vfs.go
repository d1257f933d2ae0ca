// Package vfs is what the log needs of a file system, and nothing more.
//
// It is the seam at which tests put a disk that fails or forgets. The real
// implementation, [OS], stands on etcd's fileutil for locks, preallocation and
// the syncs that differ between systems.
package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// ErrLocked is returned when another open file, in this process or another
// one, holds the exclusive lock.
var ErrLocked = errors.New("locked: it is open for appending, in this process or another one; " +
	"close it there, or read it with OpenForRead")

// File is an open file. Reads and writes name their offset, so a File has no
// cursor and may be used from several goroutines.
type File interface {
	io.ReaderAt
	io.WriterAt
	// Close closes the file and gives up its lock, if it has one.
	Close() error
	// Renamed tells the file which name it was given by Dir.Rename, for its errors.
	Renamed(name string)
	// Size returns the length of the file in bytes.
	Size() (int64, error)
	// Truncate sets the length of the file. Bytes that a growing adds read as zeros.
	Truncate(size int64) error
	// Reserve allocates space on the device for the first size bytes and makes
	// the file at least that long; the added bytes read as zeros. Where the device can
	// zero by itself, what is added is data afterwards. On a file system that cannot
	// allocate ahead, whatever its error, it only sets the length.
	Reserve(size int64) error
	// Data returns the first range at or behind off, within the file, whose blocks are on
	// the device as data, zeros included. What is between off and its start is a hole or
	// only reserved, and reads as zeros. An empty range at the file's end means that there
	// is none. A file system that cannot tell says that all of it is data.
	Data(off int64) (start, end int64, err error)
	// CopyOnWrite reports whether the file system puts what is overwritten in a new place.
	CopyOnWrite() bool
	// Stored reports whether the device holds the bytes b at off, as far as that can be found out
	// past the system's cache. If it cannot, it does not.
	Stored(b []byte, off int64) bool
	// WriteBack begins to put n written bytes from off on, on stable storage. It is a hint: it
	// waits for nothing, promises nothing, and leaves errors to the next sync.
	WriteBack(off, n int64)
	// Datasync puts written bytes, and the length needed to read them, on stable storage.
	Datasync() error
	// Sync puts the file's bytes and all of its metadata on stable storage.
	Sync() error
}

// ErrIrregular is returned for a name that does not stand for a regular file.
var ErrIrregular = errors.New("not a regular file")

// ErrMoved is returned by Dir.Check when the path names something else than the directory, or
// nothing.
var ErrMoved = errors.New("the path no longer names the directory that was opened")

// ErrDeleted is returned by Dir.Check when the directory has no name any more.
var ErrDeleted = fmt.Errorf("the directory was deleted: %w", fs.ErrNotExist)

// FS is a file system. Names are paths, as Abs returned them or as the caller gave them. Errors are
// those of package os: they satisfy errors.Is with fs.ErrNotExist and so on.
type FS interface {
	// Abs returns the name of a directory that still holds when the process goes to another one.
	Abs(dir string) (string, error)
	// OpenDir opens a directory, to be held open. Its path is the name.
	OpenDir(name string) (Dir, error)
	// IsDir reports whether there is a directory of that name. It is an error if
	// there is something else, or if that cannot be found out.
	IsDir(name string) (bool, error)
	// Mkdir creates one directory.
	Mkdir(dir string) error
	// Remove deletes an empty directory. A symbolic link to one is an error, and stays.
	Remove(name string) error
	// SyncDir puts the entries of a directory on stable storage.
	SyncDir(dir string) error
}

// Dir is a directory that is held open, with files in it. Names are those of files in it, without
// a directory. Whatever becomes of its path, a Dir stands for the directory that was opened: where
// the system cannot hold on to one, each change of names compares first, and is ErrMoved if the
// path names another one. It may be used from several goroutines. After Close every call but Path
// and Close is fs.ErrClosed; files that were opened stay open.
type Dir interface {
	// Path returns the path that it was opened with.
	Path() string
	// Check returns nil if the path still names this directory, ErrMoved if it does not, and
	// ErrDeleted if the directory is gone. What cannot be found out is nil.
	Check() error
	// OpenRead opens an existing file for reading, without a lock. What is not a regular file,
	// itself or behind a symbolic link, is ErrIrregular, and is not waited for.
	OpenRead(name string) (File, error)
	// OpenLocked opens an existing file for reading and writing and takes its
	// exclusive lock, or returns an error that is ErrLocked. It is ErrIrregular as in OpenRead.
	OpenLocked(name string) (File, error)
	// CreateLocked is OpenLocked for a file that need not exist yet. Of an
	// existing one the content is kept: only the holder of the lock may
	// truncate it. It is ErrIrregular also for a symbolic link, and for a file with more than
	// one name: truncating it would empty something that stands elsewhere.
	CreateLocked(name string) (File, error)
	// CreateNew creates a file for writing; it is an error (fs.ErrExist) if there is one.
	CreateNew(name string) (File, error)
	// IsFile reports whether the name stands for a regular file, itself and not through a link.
	IsFile(name string) (bool, error)
	// Rename gives a file another name, replacing what has that one, or a directory one that
	// nothing has.
	Rename(oldName, newName string) error
	// Remove deletes a file.
	Remove(name string) error
	// List returns the names in the directory, sorted.
	List() ([]string, error)
	// Sync puts the names on stable storage. On a file system that cannot do it, it does nothing.
	Sync() error
	// Lacks returns what the file system turned out to be unable to do, so far.
	Lacks() Lack
	// Close gives the directory up.
	Close() error
}
