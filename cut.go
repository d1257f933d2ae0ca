package wal

import (
	"errors"
	"time"

	"github.com/seed449c39bc/wal/internal/vfs"
	"go.uber.org/zap"
)

// cut goes on to a new segment, and writes s in it, if s is not nil. The lock is
// held throughout, and nobody leads. A mistake in s leaves all as it was: what calls
// methods of the caller's records is over before anything is touched.
//
// A crash at any point leaves a log. The new segment stays N.tmp, which is not part of
// the log, until all before it and all in it is on stable storage:
//  1. What is pending is written, the old segment is cut to its end and synced, so that
//     all segments but the last are whole, always. If the crash comes now, the
//     old segment is the last one, and full; the next open goes on with a cut.
//  2. Meanwhile the new file gets its header, which says SYNCED, and the save, and is synced.
//  3. It gets its name, and the directory is synced. Only then is the save acknowledged.
//
// For want of space or of a descriptor in 2 the save is refused with ErrShortage, and the
// old segment goes on being the last one: the new file has no name, so it is as if the crash
// had come then.
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
	old := w.takeFor(w.spare)
	w.headerEnd = h.end
	if s != nil {
		w.accept(w.open, s, last)
	}
	finished := make(chan error, 1)
	go func() { finished <- w.sealOld(old) }()
	filling := time.Now()
	rest, err := newZeroed(&w.opts, f, 0)
	if err == nil {
		err = fillSegment(f, w.open.enc.buf, &rest)
	}
	filled := time.Since(filling)
	if ferr := w.recycle(old, <-finished); ferr != nil {
		discard(w.dir, f, tmp)
		return ferr
	}
	if vfs.IsShortage(err) {
		discard(w.dir, f, tmp)
		w.stay(before)
		return shortage(err)
	}
	if err == nil {
		err = nameSegment(w.dir, f, tmp, h.name)
	}
	if err != nil {
		discard(w.dir, f, tmp) // if it has its name already, there is nothing to remove
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

// nextFile returns the file that is to become segment seq, and its name until then.
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

// encodeSegment makes the spare batch the beginning of the next segment: its
// header, and s, if s is not nil. last is the last index behind s. On a mistake in s the spare
// batch is empty again, and so it is when a method of a record ends the goroutine.
func (w *WAL) encodeSegment(s *save) (h header, last uint64, err error) {
	h = header{
		name: segmentName{w.tailSegment().seq + 1, w.appended.last + 1}, crc: w.open.enc.crc, trailered: !w.opts.etcdFormat,
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

// sealOld ends a segment with the batch that was pending for it: it is cut to its end and synced.
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

// goOn makes s the segment that is appended to. The open batch, with which it
// begins, is on stable storage by now; its sync took some time.
func (w *WAL) goOn(s segment, took time.Duration) {
	w.segments.append(s)
	w.open.sync = true
	f := w.take()
	f.took = took
	w.recycle(f, w.acknowledge(f))
}

// checkDir compares the path with the directory. That the path names another one is a warning,
// given once. If the directory was deleted, that is returned: all of the log went with it.
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
