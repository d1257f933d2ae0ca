package wal

import (
	"errors"
	"time"

	"github.com/seed449c39bc/wal/internal/vfs"
	"go.uber.org/zap"
)

// cut goes on to a new segment and, if s is not nil, writes s in it. The lock is held throughout,
// and nobody leads. A mistake in s leaves everything as it was, because all methods of the caller's
// records have returned before anything is touched.
//
// A crash at any point leaves a log. The new segment is named N.tmp, which is not part of the log,
// until everything before it and everything in it is on stable storage:
//  1. What is pending is written. The old segment is truncated to its end and synced, so that every
//     segment but the last is whole, always. If the crash comes now, the old segment is the last
//     one, and full; the next open goes on with a cut.
//  2. Meanwhile the new file gets its header and the save, and is synced. The header is flagged
//     SYNCED already: it becomes part of the log only in step 3, when step 1 is done.
//  3. The new file gets its name, and the directory is synced. Only then is the save acknowledged.
//
// If step 2 fails for want of space or of a file descriptor, the save is refused with ErrShortage
// and the old segment remains the last one: the new file has no name, so the log is as after a
// crash at that point.
func (w *WAL) cut(s *save) error {
	began := time.Now()
	h, last, err := w.encodeSegment(s)
	if err != nil {
		return err
	}
	f, tmp, err := w.nextFile(h.name.seq)
	if err != nil {
		w.spare.reset()
		return err
	}
	before := w.resumePoint()
	w.owes = true
	old := w.takeBatchFor(w.spare)
	w.headerEnd = h.end
	if s != nil {
		w.accept(w.open, s, last)
	}
	done := make(chan error, 1)
	go func() { done <- w.sealOld(old) }()
	filling := time.Now()
	rest, err := newZeroed(&w.opts, &w.zeroPolicy, f, 0)
	if err == nil {
		err = fillSegment(f, w.open.enc.buf, &rest)
	}
	filled := time.Since(filling)
	if oldErr := w.recycle(old, <-done); oldErr != nil {
		discard(w.dir, f, tmp)
		return oldErr
	}
	if vfs.IsShortage(err) {
		discard(w.dir, f, tmp)
		w.resume(before)
		return shortage(err)
	}
	if err == nil {
		err = nameSegment(w.dir, f, tmp, h.name)
	}
	if err != nil {
		discard(w.dir, f, tmp) // if the file has its name already, this removes nothing
		err = w.fail("new segment", err)
		w.failPending(err)
		return err
	}
	w.zeroed = rest
	w.goOn(segment{h.name, f}, filled)
	w.countCut(h.name, time.Since(began))
	w.warnOfLacks()
	return nil
}

// nextFile returns the file that is to become segment seq, and its name until then. It fails with
// ErrShortage if the file cannot be made, and makes the log fail if the directory was deleted. The
// lock is held.
func (w *WAL) nextFile(seq uint64) (f vfs.File, tmp string, err error) {
	if err := w.checkDir(); err != nil {
		err = w.fail("new segment", err)
		w.failPending(err)
		return nil, "", err
	}
	f, tmp, err = w.pipeline.take(seq)
	if err != nil {
		return nil, "", shortage(err)
	}
	return f, tmp, nil
}

// encodeSegment encodes the beginning of the next segment into the spare batch: the header and, if
// s is not nil, s. It returns the last index behind s. If s has a mistake, or if a method of a
// record ends the goroutine, the spare batch is empty again. The lock is held.
func (w *WAL) encodeSegment(s *save) (h header, last uint64, err error) {
	h = header{
		name: segmentName{w.tailSegment().seq + 1, w.appended.last + 1},
		crc:  w.open.enc.crc, trailered: !w.opts.etcdFormat,
		metadata: w.metadata, state: w.appended.state,
	}
	b, whole := w.spare, false
	defer func() {
		if !whole {
			b.reset()
		}
	}()
	h.encode(&b.enc)
	h.end = b.enc.end()
	if s != nil {
		last, err = b.encode(s, w.appended, w.types)
	}
	whole = err == nil
	return h, last, err
}

// sealOld completes a segment with the batch that was pending for it: the batch is written, the
// file is truncated to its end and synced, and the batch is acknowledged.
func (w *WAL) sealOld(f *inflight) error {
	if err := f.write(); err != nil {
		return f.complete(w.fail("write", err))
	}
	if err := f.file.Truncate(f.enc.end()); err != nil {
		return f.complete(w.fail("truncate", err))
	}
	began := time.Now()
	if err := f.file.Sync(); err != nil {
		return f.complete(w.fail("sync", err))
	}
	f.sync, f.took = true, time.Since(began)
	return w.acknowledge(f)
}

// goOn makes s the last segment. The open batch, with which s begins, is on stable storage already;
// writing and syncing it took the given time. The lock is held.
func (w *WAL) goOn(s segment, took time.Duration) {
	w.segments.append(s)
	w.open.sync = true
	f := w.takeBatch()
	f.took = took
	w.recycle(f, w.acknowledge(f))
}

// checkDir compares the directory with its path. If the directory was deleted, the whole log went
// with it, and checkDir returns an error. If the path leads elsewhere, it warns, once.
func (w *WAL) checkDir() error {
	switch err := w.dir.Check(); {
	case errors.Is(err, vfs.ErrDeleted):
		return err
	case errors.Is(err, vfs.ErrMoved) && w.moved.CompareAndSwap(false, true):
		w.warn("the path of the log names another directory since the log was opened, or none; "+
			"the log goes on in its own directory, wherever that is", zap.String("dir", w.dir.Path()))
	}
	return nil
}
