package main

import (
	"errors"
	"os"
	"path/filepath"
)

func reservedLoop() contender {
	return contender{
		name: nameReserved,
		about: "the floor's loop over space that is reserved (fallocate) and was never written: the " +
			"file grows by a segment at a time; Linux only",
		floor: true,
		solo:  true,
		open:  openReservedLoop,
	}
}

func openReservedLoop(dir string, c config) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "floor"))
	if err != nil {
		return nil, err
	}
	frames := c.frames()
	off, size := int64(0), int64(0)
	save := func() error {
		if end := off + int64(len(frames)); end > size {
			more := max(c.segment, int64(len(frames)))
			if err := reserve(f, size, more); err != nil {
				return err
			}
			size += more
		}
		if _, err := f.WriteAt(frames, off); err != nil {
			return err
		}
		off += int64(len(frames))
		return datasync(f)
	}
	if err := save(); err != nil { // a file system without reservations says so here
		return nil, errors.Join(err, f.Close())
	}
	return &store{writer: func() func() error { return save }, close: f.Close}, nil
}
