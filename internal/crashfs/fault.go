package crashfs

// Kind is a kind of call on the file system.
type Kind string

// The calls of [vfs.FS], [vfs.Dir] and [vfs.File] that can fail. A Sync and a Datasync
// of a file are told apart.
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

// Call is one call on the file system. Name is what the file or directory is called
// by now, as a path; the new one in a Rename.
type Call struct {
	Kind Kind
	Name string
	Off  int64 // of a Read or Write; the size of a Truncate or Reserve
	N    int   // bytes of a Read or Write
}

// Fault is what happens in place of a call.
type Fault struct {
	Err     error // what the call returns
	Partial int   // bytes of a Write that are written all the same
	Done    bool  // the call is done, and fails nevertheless
	Clean   bool  // the pages of the file that a Sync or Datasync failed for count as clean
}

// Inject has fail asked before each call: it returns nil to let the call pass. fail
// is called with the disk's lock held, one call at a time, and must not use the
// disk. A Close always closes, whatever it returns. nil ends the faults.
func (d *Disk) Inject(fail func(Call) *Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = fail
}

// fault asks for a call's fault; nil is none. The lock is held.
func (d *Disk) fault(c Call) *Fault {
	if d.fail == nil {
		return nil
	}
	return d.fail(c)
}

// allow asks whether a call that either happens or does not may happen. It returns the error that the
// caller must return, and whether to do the work before. The lock is held.
func (d *Disk) allow(c Call) (do bool, err error) {
	f := d.fault(c)
	if f == nil {
		return true, nil
	}
	return f.Done, f.Err
}
