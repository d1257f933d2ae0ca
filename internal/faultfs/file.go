package faultfs

import "github.com/seed449c39bc/wal/internal/vfs"

// file is an open file of an FS. name is the one that it was opened with.
type file struct {
	vfs.File
	fs   *FS
	name string
}

func (f *file) ReadAt(b []byte, off int64) (int, error) {
	if _, err := f.fs.note(Call{Read, f.name, off, len(b)}); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, off)
}

func (f *file) WriteAt(b []byte, off int64) (int, error) {
	partial, err := f.fs.note(Call{Write, f.name, off, len(b)})
	if err == nil {
		return f.File.WriteAt(b, off)
	}
	n, werr := f.File.WriteAt(b[:min(partial, len(b))], off)
	if werr != nil {
		return n, werr
	}
	return n, err
}

func (f *file) Truncate(size int64) error {
	return f.fs.do(Call{Kind: Truncate, Name: f.name, Off: size},
		func() error { return f.File.Truncate(size) })
}

func (f *file) Reserve(size int64) error {
	return f.fs.do(Call{Kind: Reserve, Name: f.name, Off: size},
		func() error { return f.File.Reserve(size) })
}

func (f *file) Datasync() error {
	return f.fs.do(Call{Kind: Datasync, Name: f.name}, f.File.Datasync)
}

func (f *file) Sync() error {
	return f.fs.do(Call{Kind: Sync, Name: f.name}, f.File.Sync)
}

func (f *file) Close() error {
	_, err := f.fs.note(Call{Kind: Close, Name: f.name})
	if cerr := f.File.Close(); err == nil {
		err = cerr
	}
	return err
}
