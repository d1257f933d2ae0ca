package faultfs

import "github.com/seed449c39bc/wal/internal/vfs"

// dir is an open directory of an FS.
type dir struct {
	vfs.Dir
	fs *FS
}

// open opens a file in one of the ways that there are.
func (d *dir) open(kind Kind, name string, open func(string) (vfs.File, error)) (vfs.File, error) {
	var f vfs.File
	err := d.fs.do(Call{Kind: kind, Name: name}, func() (err error) {
		f, err = open(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &file{File: f, fs: d.fs, name: name}, nil
}

func (d *dir) OpenRead(name string) (vfs.File, error) {
	return d.open(OpenRead, name, d.Dir.OpenRead)
}

func (d *dir) OpenLocked(name string) (vfs.File, error) {
	return d.open(OpenLocked, name, d.Dir.OpenLocked)
}

func (d *dir) CreateLocked(name string) (vfs.File, error) {
	return d.open(Create, name, d.Dir.CreateLocked)
}

func (d *dir) CreateNew(name string) (vfs.File, error) {
	return d.open(Create, name, d.Dir.CreateNew)
}

func (d *dir) Rename(oldName, newName string) error {
	return d.fs.do(Call{Kind: Rename, Name: newName},
		func() error { return d.Dir.Rename(oldName, newName) })
}

func (d *dir) Remove(name string) error {
	return d.fs.do(Call{Kind: Remove, Name: name}, func() error { return d.Dir.Remove(name) })
}

func (d *dir) List() (names []string, err error) {
	err = d.fs.do(Call{Kind: List, Name: d.Path()}, func() (err error) {
		names, err = d.Dir.List()
		return err
	})
	return names, err
}

func (d *dir) Sync() error {
	return d.fs.do(Call{Kind: SyncDir, Name: d.Path()}, d.Dir.Sync)
}
