package crashfs

import "github.com/seed449c39bc/wal/internal/faultfs"

// Fault is what happens in place of a call.
type Fault struct {
	Err     error // what the call returns
	Partial int   // bytes of a Write that are written all the same
	Done    bool  // the call is done, and fails nevertheless
	Clean   bool  // the pages of the file that a Sync or Datasync failed for count as clean
}

// Inject makes the disk ask fail before each call. A nil *Fault lets the call pass. fail is called
// with the disk's lock held, one call at a time, and must not use the disk. Names of calls are
// paths; that of a Rename is the new one. A Close always closes, whatever it returns. A nil fail
// ends the faults.
func (d *Disk) Inject(fail func(faultfs.Call) *Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = fail
}

// fault returns a call's fault; nil is none. The lock is held.
func (d *Disk) fault(c faultfs.Call) *Fault {
	if d.fail == nil {
		return nil
	}
	return d.fail(c)
}

// allow asks whether a call that either happens or does not may happen. It returns whether the
// caller does the work, and the error that it returns then. The lock is held.
func (d *Disk) allow(c faultfs.Call) (do bool, err error) {
	f := d.fault(c)
	if f == nil {
		return true, nil
	}
	return f.Done, f.Err
}
