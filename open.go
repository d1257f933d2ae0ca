package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
)

// Open opens the log in dir for appending and reading, and locks it. It
// verifies every record from where it starts, heals a torn tail with a
// warning, and makes what it found durable before it returns.
//
// It starts at a snapshot, which must have been saved in the log (else
// [ErrSnapshotNotFound]) and, if the type has GetTerm, with the same term (else
// [ErrSnapshotMismatch]). A snapshot with index 0 is the very beginning, which is
// not found once it has been purged. nil is the oldest segment there is. If a later
// snapshot made the log jump, so that the entry behind snap is missing, the
// error is [ErrIndexGap]; unless nothing came behind that snapshot and no state commits it: then
// the log goes on before the jump.
//
// Other errors are fs.ErrNotExist without a log, [ErrLocked] if it is open
// elsewhere, a [*CorruptionError], which is an [ErrCorrupt] and leaves the disk as
// it was, [ErrDecode], and [ErrReadOnly]. A nil logger logs nothing.
func Open(lg *zap.Logger, dir string, snap log.Snapshot, opts ...Option) (*WAL, error) {
	o, d, err := openAt(dir, opts)
	if err != nil {
		return nil, asReadOnly(err)
	}
	var held locked
	opened := false
	defer func() { // also when a method of a record ends the goroutine
		if !opened {
			held.close()
			d.Close()
		}
	}()
	start := startAt(snap)
	l := start.loader(o, d)
	ld, err := held.load(l, start.pick)
	for err == nil && start.retry(ld) {
		ld, err = held.load(l, start.pick)
	}
	if err == nil {
		err = start.check(ld)
	}
	if err == nil {
		err = ld.checkState(o.registry)
	}
	if err != nil {
		return nil, asReadOnly(err)
	}
	w := newWAL(lg, o)
	w.segments, w.dropped = held, l.before
	w.begin(d, ld, start, tailEnd{ld.end.off, ld.end.crc, ld.end.sealed})
	if err := w.recover(ld); err != nil {
		w.tell()
		return nil, asReadOnly(err)
	}
	opened = true // from here on it is Close that gives up what is held
	if err := w.goLive(ld); err != nil {
		return nil, asReadOnly(err)
	}
	return w, nil
}

// goLive does what an open log does first, and tells what there is to tell. Unless all of that
// goes well the log is closed, also when a listener panics or ends the goroutine.
func (w *WAL) goLive(ld *loaded) error {
	alive := false
	defer func() {
		if !alive {
			w.Close()
		}
	}()
	if err := w.dropJump(ld); err != nil {
		return err
	}
	w.tell()
	alive = true
	return nil
}

// tailEnd is where the next record goes in the last segment.
type tailEnd struct {
	off    int64
	crc    uint32
	sealed bool
}

// begin fills in what a created and an opened log have in common.
func (w *WAL) begin(dir vfs.Dir, ld *loaded, s *start, tail tailEnd) {
	w.init(w.opts, dir, ld, s)
	w.types = newSavedTypes(w.registry)
	w.idle.L = &w.writer
	w.head = head{last: w.last, state: bytes.Clone(w.state)}
	w.open.enc.start(place{w.tailSegment().seq, tail.off}, tail.crc, tail.sealed, true)
	w.pipeline = filePipeline{dir: dir, size: w.opts.segmentSize, reserve: w.opts.preallocation != PreallocateNone}
}

// load locks the segments from the one that pick chooses, in place of those that are
// held, and loads them. On an error too, the caller closes what is held.
func (h *locked) load(l *loader, pick func([]segmentName) (int, error)) (*loaded, error) {
	missing := ""
	for {
		h.close()
		names, err := listSegments(l.dir)
		if err != nil {
			return nil, err
		}
		from, err := pick(names)
		if err != nil {
			return nil, err
		}
		*h, err = lockAll(l.dir, names[from:])
		if errors.Is(err, fs.ErrNotExist) {
			// Purged since it was listed; then it is not listed again.
			if missing == err.Error() {
				return nil, fmt.Errorf("%v, although it is in the directory; is it a link to nothing?", err)
			}
			missing = err.Error()
			continue
		}
		if err != nil {
			return nil, err
		}
		// A writer may have gone on to another segment and released the ones
		// locked here, between the listing and the locking. The locks count if the
		// segments are still the same.
		again, err := listSegments(l.dir)
		if err != nil {
			return nil, err
		}
		if n := len(names) - from; len(again) < n || !slices.Equal(again[len(again)-n:], names[from:]) {
			continue
		}
		l.held = make(map[uint64]vfs.File, len(*h))
		for _, s := range *h {
			if s.file != nil {
				l.held[s.seq] = s.file
			}
		}
		l.before = names[:from]
		return l.load(names[from:])
	}
}

// recover makes what was loaded durable and the log ready for appending. Nothing
// on disk was changed before, and nothing is if the log is corrupt.
func (w *WAL) recover(ld *loaded) error {
	if err := removeTemporary(w.dir); err != nil {
		return err
	}
	tail, end := w.tailSegment(), ld.end
	if err := heal(tail.file, tail.segmentName, end); err != nil {
		return err
	}
	// A segment that was named, or a directory that was made, right before a
	// crash may not be durable yet.
	err := w.dir.Sync()
	if err == nil {
		err = syncParent(w.opts.fs, w.dir.Path())
	}
	if err != nil {
		return fmt.Errorf("wal: open: %w", err)
	}
	if t := end.torn; t != nil {
		w.warn("healed a torn tail of the log: a save that was never acknowledged is gone", tornFields(*t)...)
		if healed := w.listener.Healed; healed != nil {
			w.later(event{other: func() { healed(*t) }})
		}
	}
	if err := w.extendTail(tail); err != nil {
		return fmt.Errorf("wal: open segment %s: %w", tail.segmentName, err)
	}
	if w.runway, err = newRunway(&w.opts, tail.file, end.off); err != nil {
		return fmt.Errorf("wal: open segment %s: %w", tail.segmentName, err)
	}
	w.closedMark = end.closed
	w.warnOfLacks()
	return nil
}

func tornFields(t TornTail) []zap.Field {
	return []zap.Field{
		zap.String("segment", t.Segment), zap.Int64("offset", t.Offset),
		zap.Int64("bytes-dropped", t.Bytes), zap.String("reason", t.Reason),
	}
}
