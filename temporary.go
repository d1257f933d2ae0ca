package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// Temporary files
//
// The file of a segment is made as N.tmp, and gets the name of segment N later. What has such a
// name is the log's only if it is a regular file without another name. A directory, a link, a pipe,
// or a file with a second name elsewhere is not: the log neither empties nor deletes it, and takes
// N.1.tmp, or the next number that is free.

var tmpPattern = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?\.tmp$`)

// maxTemporary is how many names are tried for one file.
const maxTemporary = 100

// createTemporary opens the file that is to become segment seq, locked, and returns its name. The
// file may be one that a crash left, with its bytes. All that look for one at the same time find
// the same one.
func createTemporary(d vfs.Dir, seq uint64) (f vfs.File, name string, err error) {
	name = fmt.Sprintf("%d.tmp", seq)
	for i := 1; ; i++ {
		f, err = d.CreateLocked(name)
		if !errors.Is(err, vfs.ErrIrregular) || i == maxTemporary {
			return f, name, err
		}
		name = fmt.Sprintf("%d.%d.tmp", seq, i)
	}
}

// discard closes and removes a file that is not part of the log. If that fails, the next open
// removes it.
func discard(d vfs.Dir, f vfs.File, name string) {
	f.Close()
	d.Remove(name)
}

// removeTemporary removes what crashes left of segments being prepared. Only the holder of the last
// segment's lock may call it: the files may be another writer's.
func removeTemporary(d vfs.Dir) error {
	files, err := d.List()
	if err != nil {
		return fmt.Errorf("wal: list leftovers: %w", err)
	}
	files = slices.DeleteFunc(files, func(f string) bool { return !tmpPattern.MatchString(f) })
	for _, f := range files {
		ours, err := d.IsFile(f)
		if err == nil && ours {
			err = d.Remove(f)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("wal: remove leftover: %w", err)
		}
	}
	return nil
}
