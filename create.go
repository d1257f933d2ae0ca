package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
)

// Exist reports whether there is a log in dir: at least one segment. It is true also when that
// cannot be found out, for want of permission or because the disk fails: then Open says what is wrong.
// Of the options only [WithMemory] concerns it.
func Exist(dir string, opts ...Option) bool {
	_, d, err := openAt(dir, opts)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, ErrInvalidArgument)
	}
	defer d.Close()
	_, err = listSegments(d)
	return !errors.Is(err, fs.ErrNotExist)
}

// Create makes a new log in dir, which is created if it does not exist, and
// opens it. If there is a log already the error is fs.ErrExist; other files in
// dir are left alone, but for 0.tmp, which it writes to. The metadata is whatever should be
// found again with the log, such as a node's identity; it can be of any size, and cannot be changed
// later. Every log begins with an empty snapshot: a new one of the registered type, which is
// encoded here, and has index 0.
//
// When Create returns nil, the log survives a crash. That takes the names of all directories
// above it to be durable. Create sees to those that it makes, and to the one above them; what is
// further up, and was made by the program right before, is the program's to sync.
//
// A nil logger logs nothing.
func Create(lg *zap.Logger, dir string, metadata []byte, opts ...Option) (*WAL, error) {
	o, dir, err := optionsAt(dir, opts)
	if err != nil {
		return nil, err
	}
	h := header{sealed: !o.etcdFormat, metadata: metadata}
	if h.snapshot, err = emptySnapshot(o.registry); err != nil {
		return nil, err
	}
	if err := makeDir(o.fs, dir); err != nil {
		return nil, fmt.Errorf("wal: create log: %w", asReadOnly(err))
	}
	w := newWAL(lg, o)
	d, err := o.fs.OpenDir(dir)
	if err != nil {
		return nil, fmt.Errorf("wal: create log: %w", asReadOnly(err))
	}
	if err := w.createFirst(d, h); err != nil {
		d.Close()
		return nil, fmt.Errorf("wal: create log in %s: %w", dir, asReadOnly(err))
	}
	ld := &loaded{replay: &replay{}}
	ld.metadata, ld.anchored = bytes.Clone(metadata), true
	ld.addSnapshot(&note{typ: log.SnapshotType, data: h.snapshot}, 0)
	e := &w.open.enc
	w.headerEnd = e.end()
	w.begin(d, ld, startAt(nil), tailEnd{e.end(), e.crc, h.sealed})
	w.warnOfLacks()
	if err := w.goLive(ld); err != nil {
		return nil, err
	}
	return w, nil
}

// createFirst makes the first segment appear, whole, by a rename. Before that a
// crash leaves only N.tmp, and no log.
func (w *WAL) createFirst(d vfs.Dir, h header) error {
	if err := checkNoLog(d); err != nil {
		return err
	}
	f, tmp, err := createTemporary(d, 0)
	if err != nil {
		return err
	}
	// Whoever else creates this log has had the lock until its segment was
	// there. So look again, and touch the file only after that: it could be
	// that very segment, renamed since it was opened here.
	if err := checkNoLog(d); err != nil {
		f.Close()
		return err
	}
	h.encode(&w.open.enc)
	err = f.Truncate(0)
	if err == nil && w.opts.preallocation != PreallocateNone {
		err = f.Reserve(w.opts.segmentSize)
	}
	if err == nil {
		w.runway, err = newRunway(&w.opts, f, 0)
	}
	if err == nil {
		err = fillSegment(f, w.open.enc.buf, &w.runway)
	}
	if err == nil {
		err = nameSegment(d, f, tmp, h.name)
	}
	if err == nil {
		err = syncParent(w.opts.fs, d.Path())
	}
	if err != nil {
		discard(d, f, tmp)
		return err
	}
	w.segments = []segment{{h.name, f}}
	return nil
}

// checkNoLog is an error if there is a log in dir.
func checkNoLog(d vfs.Dir) error {
	_, err := listSegments(d)
	if err == nil {
		return fmt.Errorf("there is a log already, open it: %w", fs.ErrExist)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// makeDir makes dir and its missing parents, and makes them durable.
func makeDir(fsys vfs.FS, dir string) error {
	is, err := fsys.IsDir(dir)
	if err != nil || is {
		return err
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDir(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// The parent may have been made by a Create that was interrupted, and its name
	// not been synced yet; what is above was synced before it was made.
	if err := syncParent(fsys, parent); err != nil {
		return err
	}
	if err := fsys.SyncDir(parent); err != nil {
		fsys.Remove(dir) // or the next Create would take it for one that is durable
		return err
	}
	return nil
}

// syncParent makes the name of a directory durable. Where a directory may be entered but not be read, and
// so not be synced, neither may it be written by Create: what is in it was made by somebody else.
func syncParent(fsys vfs.FS, dir string) error {
	if err := fsys.SyncDir(filepath.Dir(dir)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// asReadOnly adds ErrReadOnly to an error that says so in the system's words.
func asReadOnly(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}
