package wal

import "time"

// cut goes on to a new segment, and writes s in it, if s is not nil. The lock is
// held throughout, and nobody leads.
//
// A crash at any point leaves a log. The new segment stays N.tmp, which is not part of
// the log, until all before it and all in it is on stable storage:
//  1. What is pending is written, the old segment is cut to its end and synced, so that
//     all segments but the last are whole, always. If the crash comes now, the
//     old segment is the last one, and full; the next open goes on with a cut.
//  2. Meanwhile the new file gets its header, which says SYNCED, and the save, and is synced.
//  3. It gets its name, and the directory is synced. Only then is the save acknowledged.
func (w *WAL) cut(s *save) error {
	began := time.Now()
	seq := w.tailSegment().seq + 1
	if err := w.checkDir(); err != nil {
		err = w.fail("new segment", err)
		w.abandon(err)
		return err
	}
	f, tmp, err := w.pipeline.take(seq)
	if err != nil {
		err = w.fail("new segment", err)
		w.abandon(err)
		return err
	}
	old := w.take()
	h, mistake := w.encodeSegment(s, old.enc.crc)
	finished := make(chan error, 1)
	go func() { finished <- w.finish(old) }()
	filling := time.Now()
	rest, err := newRunway(&w.opts, f, 0)
	if err == nil {
		err = fillSegment(f, w.open.enc.buf, &rest)
	}
	filled := time.Since(filling)
	if ferr := w.settle(old, <-finished); ferr != nil {
		discard(w.dir, f, tmp)
		return ferr
	}
	if err == nil {
		err = nameSegment(w.dir, tmp, h.name)
	}
	if err != nil {
		f.Close()
		err = w.fail("new segment", err)
		w.abandon(err)
		return err
	}
	w.runway = rest
	w.goOn(segment{h.name, f}, filled)
	w.countCut(h.name, time.Since(began))
	return mistake
}

// encodeSegment makes the open batch the beginning of the next segment: its
// header, and s, if s is not nil. A mistake in s is returned; the segment is begun
// all the same.
func (w *WAL) encodeSegment(s *save, crc uint32) (h header, mistake error) {
	h = header{
		name: segmentName{w.tailSegment().seq + 1, w.head.last + 1}, crc: crc, sealed: !w.opts.etcdFormat,
		metadata: w.metadata, state: w.head.state,
	}
	h.encode(&w.open.enc)
	w.headerEnd = w.open.enc.end()
	if s == nil {
		return h, nil
	}
	last, err := w.open.encode(s, w.head, w.registry)
	if err != nil {
		return h, err
	}
	w.accept(s, last)
	return h, nil
}

// finish ends a segment with the batch that was pending for it: it is cut to its end and synced.
func (w *WAL) finish(f *flight) error {
	if err := f.write(); err != nil {
		return f.answer(w.fail("write", err))
	}
	if err := f.file.Truncate(f.enc.end()); err != nil {
		return f.answer(w.fail("truncate", err))
	}
	began := time.Now()
	if err := f.file.Sync(); err != nil {
		return f.answer(w.fail("sync", err))
	}
	f.sync, f.took = true, time.Since(began)
	return w.finished(f)
}

// goOn makes s the segment that is appended to. The open batch, with which it
// begins, is on stable storage by now; its sync took some time.
func (w *WAL) goOn(s segment, took time.Duration) {
	w.segments = append(w.segments, s)
	w.open.sync = true
	f := w.take()
	f.took = took
	w.settle(f, w.finished(f))
}
