package wal

import (
	"bytes"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
)

// Open opens the log in dir for appending and reading, and locks it. It verifies every record from
// where it starts, heals a torn tail with a warning, and makes what it found durable before it
// returns.
//
// It starts at snap. That snapshot must have been saved in the log (otherwise the error is
// [ErrSnapshotNotFound]) and, if its type has GetTerm, with the same term (otherwise
// [ErrSnapshotMismatch]). A snapshot with index 0 stands for the very beginning of the log, which
// is not found once it has been purged. nil stands for the oldest segment there is.
//
// If a later snapshot made the log jump, so that the entry behind snap is missing, the error is
// [ErrIndexGap]. But if nothing was saved behind that later snapshot and no state commits it, the
// jump is taken back: the log goes on from before it.
//
// Other errors are fs.ErrNotExist if there is no log, [ErrLocked] if it is open elsewhere, a
// [*CorruptionError], which is an [ErrCorrupt] and leaves the disk as it was, [ErrDecode], and
// [ErrReadOnly]. A nil logger logs nothing.
func Open(lg *zap.Logger, dir string, snap log.Snapshot, opts ...Option) (*WAL, error) {
	o, d, err := openAt(dir, opts)
	if err != nil {
		return nil, asReadOnly(err)
	}
	var held locked
	opened := false
	defer func() { // even when a method of a record ends the goroutine
		if !opened {
			held.close()
			d.Close()
		}
	}()
	start := startAt(snap)
	l := start.loader(o, d)
	ld, err := start.load(l, func(pick picker) (*loaded, error) {
		return held.load(l, pick)
	})
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
	opened = true // from here on, Close gives up what is held
	if err := w.goLive(ld); err != nil {
		return nil, asReadOnly(err)
	}
	return w, nil
}

// goLive does what a log does first once it is open, and tells the events of the open. If any of
// this fails, or if a listener panics or ends the goroutine, it closes the log.
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

// nextRecord is where and how the next record is written in the last segment.
type nextRecord struct {
	off       int64
	crc       uint32 // running checksum before it
	trailered bool
}

// begin fills in what a created and an opened log have in common. next is where the log goes on.
func (w *WAL) begin(dir vfs.Dir, ld *loaded, s *start, next nextRecord) {
	w.init(w.opts, dir, ld, s)
	w.types = codec.NewSavedTypes(w.registry)
	w.leader.vacant.L, w.room.L = &w.writer, &w.writer
	w.appended = appended{last: w.last, state: bytes.Clone(w.state)}
	at := frame.Position{Seq: w.tailSegment().seq, Off: next.off}
	w.open.enc.start(at, next.crc, next.trailered, true)
	w.pipeline = filePipeline{
		dir: dir, size: w.opts.segmentSize, reserve: w.opts.preallocation != PreallocateNone,
	}
}

// dropJump makes it durable that a jump was taken back: from here on the log goes on from before
// it. Otherwise the name of the next segment would not follow from the records before it. In etcd's
// format there is no record for this, and names are not checked: there the next entry takes the
// jump back.
func (w *WAL) dropJump(ld *loaded) error {
	if !ld.tookBack || w.opts.etcdFormat {
		return nil
	}
	w.writer.Lock()
	w.appended.last = ld.jumped
	w.writer.Unlock()
	return w.commit(&save{control: control{frame.ControlTruncate, ld.last}})
}
