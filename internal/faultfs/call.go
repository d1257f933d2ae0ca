package faultfs

// Kind is a kind of call on the file system.
type Kind string

// The calls of [vfs.FS], [vfs.Dir] and [vfs.File] that can fail. A Sync and a Datasync of a file
// are two kinds; SyncDir is the one of a directory.
const (
	OpenDir    Kind = "open-dir"
	OpenRead   Kind = "open-read"
	OpenLocked Kind = "open-locked"
	Create     Kind = "create"
	Rename     Kind = "rename"
	Remove     Kind = "remove"
	List       Kind = "list"
	IsDir      Kind = "is-dir"
	Mkdir      Kind = "mkdir"
	SyncDir    Kind = "sync-dir"
	Read       Kind = "read"
	Write      Kind = "write"
	Truncate   Kind = "truncate"
	Reserve    Kind = "reserve"
	Size       Kind = "size"
	Data       Kind = "data"
	Datasync   Kind = "datasync"
	Sync       Kind = "sync"
	Close      Kind = "close"
)

// Call is one call on the file system. What its name is, the file system says.
type Call struct {
	Kind Kind
	Name string
	Off  int64 // of a Read or Write; the size of a Truncate or Reserve
	N    int   // bytes of a Read or Write
}
