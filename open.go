package wal

import (
	"bytes"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/frame"
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
	w.begin(d, ld, start, nextRecord{ld.end.off, ld.end.crc, ld.end.trailered})
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

// nextRecord is where the next record goes in the last segment.
type nextRecord struct {
	off       int64
	crc       uint32
	trailered bool
}

// begin fills in what a created and an opened log have in common.
func (w *WAL) begin(dir vfs.Dir, ld *loaded, s *start, tail nextRecord) {
	w.init(w.opts, dir, ld, s)
	w.types = codec.NewSavedTypes(w.registry)
	w.leader.vacant.L, w.room.L = &w.writer, &w.writer
	w.appended = appended{last: w.last, state: bytes.Clone(w.state)}
	w.open.enc.start(frame.Position{Seq: w.tailSegment().seq, Off: tail.off}, tail.crc, tail.trailered, true)
	w.pipeline = filePipeline{dir: dir, size: w.opts.segmentSize, reserve: w.opts.preallocation != PreallocateNone}
}

// dropJump makes it durable that a jump was taken back: from here on the log goes on before it.
// Otherwise the next segment would have a name that does not follow what is before it. etcd's
// format has no record for it, and no names that are checked: there the next entry takes the jump
// back.
func (w *WAL) dropJump(ld *loaded) error {
	if !ld.tookBack || w.opts.etcdFormat {
		return nil
	}
	w.writer.Lock()
	w.appended.last = ld.jumped
	w.writer.Unlock()
	return w.commit(&save{control: control{frame.ControlTruncate, ld.last}})
}
