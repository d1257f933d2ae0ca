package faultfs

import (
	"path/filepath"
	"slices"
	"sync"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// FS is a file system that notes its calls, any of which can be made to fail. The names of calls
// have no directory; those of OpenDir, List and SyncDir are paths. IsDir, Size and Data are neither
// noted nor made to fail. It is safe for concurrent use.
type FS struct {
	vfs.FS

	mu     sync.Mutex
	calls  []Call
	fail   Rule
	before func(Call)
}

// Rule is asked before each call, one at a time, and must not use the file system. A nil error lets
// the call pass. An error is returned in place of the call, after the first partial bytes were
// written if it is a Write. A Close always closes, whatever it returns.
type Rule func(c Call) (partial int, err error)

// New returns an FS on the real file system.
func New() *FS { return On(vfs.OS{}) }

// On returns an FS on another file system.
func On(fsys vfs.FS) *FS { return &FS{FS: fsys} }

// Fail sets the rule from now on. nil lets all calls pass.
func (f *FS) Fail(rule Rule) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = rule
}

// Before sets what is called before each call, and before the rule is asked. Unlike the rule it may
// wait: other calls go on meanwhile. nil: nothing is.
func (f *FS) Before(before func(c Call)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = before
}

// Take returns the calls since the last Take, or those of the given kinds, and forgets all of them.
// Calls that failed are among them.
func (f *FS) Take(kinds ...Kind) []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []Call
	for _, c := range f.calls {
		if len(kinds) == 0 || slices.Contains(kinds, c.Kind) {
			out = append(out, c)
		}
	}
	f.calls = nil
	return out
}

// note takes note of a call, and returns what the rule says of it.
func (f *FS) note(c Call) (partial int, err error) {
	f.mu.Lock()
	before := f.before
	f.mu.Unlock()
	if before != nil {
		before(c)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c)
	if f.fail == nil {
		return 0, nil
	}
	return f.fail(c)
}

// do makes a call, unless it is to fail.
func (f *FS) do(c Call, call func() error) error {
	if _, err := f.note(c); err != nil {
		return err
	}
	return call()
}

// OpenDir opens a directory whose calls are noted, and fail by the same rule.
func (f *FS) OpenDir(name string) (vfs.Dir, error) {
	var d vfs.Dir
	err := f.do(Call{Kind: OpenDir, Name: name}, func() (err error) {
		d, err = f.FS.OpenDir(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &dir{d, f}, nil
}

// Remove deletes an empty directory.
func (f *FS) Remove(name string) error {
	return f.do(Call{Kind: Remove, Name: filepath.Base(name)},
		func() error { return f.FS.Remove(name) })
}

// Mkdir creates one directory.
func (f *FS) Mkdir(name string) error {
	return f.do(Call{Kind: Mkdir, Name: filepath.Base(name)}, func() error { return f.FS.Mkdir(name) })
}

// SyncDir puts the entries of a directory on stable storage.
func (f *FS) SyncDir(name string) error {
	return f.do(Call{Kind: SyncDir, Name: name}, func() error { return f.FS.SyncDir(name) })
}
