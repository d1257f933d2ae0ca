package crashfs

import "github.com/seed449c39bc/wal/internal/faultfs"

// Fault says what happens instead of a call.
type Fault struct {
	Err     error // what the call returns
	Partial int   // how many bytes of a Write are written nevertheless
	Done    bool  // the call is performed, and fails nevertheless
	Clean   bool  // of a Sync or Datasync: the pages that it would have written count as clean
}

// Inject makes the disk call fail before each call. If fail returns nil, the call is performed. The
// disk calls fail with its lock held, one call at a time, and fail must not use the disk. The name
// in a Call is a path; for a Rename it is the new one. A Close always closes, whatever it returns.
// Inject(nil) ends the faults.
func (d *Disk) Inject(fail func(faultfs.Call) *Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = fail
}

// fault returns the fault of a call, or nil if it has none. The caller holds the lock.
func (d *Disk) fault(c faultfs.Call) *Fault {
	if d.fail == nil {
		return nil
	}
	return d.fail(c)
}

// allow is for calls that have no partial effect. It reports whether the call is performed, and
// returns the error that the call returns. The caller holds the lock.
func (d *Disk) allow(c faultfs.Call) (do bool, err error) {
	f := d.fault(c)
	if f == nil {
		return true, nil
	}
	return f.Done, f.Err
}
