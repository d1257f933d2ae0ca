package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
)

// Exist reports whether there is a log in dir: at least one segment. It also reports true if that
// cannot be found out, for want of permission or because the disk fails: Open then returns what is
// wrong. Of the options only [WithMemory] matters to it.
func Exist(dir string, opts ...Option) bool {
	_, d, err := openAt(dir, opts)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) &&
			!errors.Is(err, ErrInvalidArgument)
	}
	defer d.Close()
	_, err = listSegments(d)
	return !errors.Is(err, fs.ErrNotExist)
}

// Create makes a new log in dir and opens it. dir is created if it does not exist. If there is a
// log already, the error is fs.ErrExist. Other files in dir are left alone, except 0.tmp, which
// Create writes to. The metadata is whatever should be found again with the log, such as a node's
// identity. It can be of any size, and cannot be changed later. Every log begins with an empty
// snapshot: a new one of the registered type, which Create encodes, and which has index 0.
//
// When Create returns nil, the log survives a crash. For that, the names of all directories above
// it have to be durable. Create syncs the directories that it makes, and the one above them. If the
// program itself made directories further up right before, it has to sync those.
//
// A nil logger logs nothing.
func Create(lg *zap.Logger, dir string, metadata []byte, opts ...Option) (*WAL, error) {
	o, dir, err := optionsAt(dir, opts)
	if err != nil {
		return nil, err
	}
	h := header{trailered: !o.etcdFormat, metadata: metadata}
	if h.snapshot, err = codec.EmptySnapshot(o.registry); err != nil {
		return nil, err
	}
	if err := vfs.MakeDir(o.fs, dir); err != nil {
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
	ld.addSnapshot(&edit{typ: log.SnapshotType, data: h.snapshot}, 0)
	e := &w.open.enc
	w.headerEnd = e.end()
	w.begin(d, ld, startAt(nil), nextRecord{e.end(), e.crc, h.trailered})
	w.warnOfLacks()
	if err := w.goLive(ld); err != nil {
		return nil, err
	}
	return w, nil
}

// createFirst makes the first segment. It appears whole, by a rename: a crash before that leaves
// only N.tmp, and no log.
func (w *WAL) createFirst(d vfs.Dir, h header) error {
	if err := checkNoLog(d); err != nil {
		return err
	}
	f, tmp, err := createTemporary(d, 0)
	if err != nil {
		return err
	}
	// Another process that creates this log holds the lock until its segment has its name. So look
	// again, and touch the file only then: it could be that very segment, renamed since it was opened
	// here.
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
		w.zeroed, err = newZeroed(&w.opts, &w.zeroPolicy, f, 0)
	}
	if err == nil {
		err = fillSegment(f, w.open.enc.buf, &w.zeroed)
	}
	if err == nil {
		err = nameSegment(d, f, tmp, h.name)
	}
	if err == nil {
		err = vfs.SyncParent(w.opts.fs, d.Path())
	}
	if err != nil {
		discard(d, f, tmp)
		return err
	}
	w.segments = []segment{{h.name, f}}
	return nil
}

// checkNoLog returns an error if there is a log in the directory, or if that cannot be found out.
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

// OpenOrCreate opens the log in dir at its oldest segment, as [Open] does with a nil snapshot. If
// there is no log, it makes a new one, as [Create] does. If metadata is not nil, an existing log
// must have the same metadata; otherwise it is not the caller's log, and the error is
// [ErrOtherMetadata]. The log was then opened and closed: nothing that it holds has changed, but a
// torn tail was healed and space prepared.
//
// OpenOrCreate cannot distinguish a log that was never made from one that was lost, or whose disk
// is not mounted. A program that knows by other means that it has a log uses Open.
func OpenOrCreate(lg *zap.Logger, dir string, metadata []byte, opts ...Option) (*WAL, error) {
	w, err := Open(lg, dir, nil, opts...)
	if errors.Is(err, fs.ErrNotExist) {
		w, err = Create(lg, dir, metadata, opts...)
		if errors.Is(err, fs.ErrExist) { // another process made it in between
			w, err = Open(lg, dir, nil, opts...)
		}
	}
	if err != nil {
		return nil, err
	}
	if got := w.Metadata(); metadata != nil && !bytes.Equal(got, metadata) {
		err := fmt.Errorf(
			"%w: the log in %s has %.100q, not %.100q; give another directory, or nil for any",
			ErrOtherMetadata, dir, got, metadata)
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}
