package wal

import (
	"bytes"
	"fmt"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/vfs"
)

// A shortage passes
//
// Before a save is written, its space is prepared: the file of a segment is made, reserved and
// given its header before it has a name. If that fails for want of space or of a file descriptor,
// nothing was written to the log. So the save that needed the space is refused with ErrShortage,
// and the next save tries again.
//
// A *write* to the log that fails is final, whatever its cause, because it is unknown what of it is
// on the disk. Therefore nothing is written to a last segment without prepared space before there
// is space for all of it.

// shortage returns the error of a save that found no prepared space.
func shortage(cause error) error {
	return fmt.Errorf("%w: %w; nothing was written, and the log goes on: "+
		"save again when the cause is gone", ErrShortage, cause)
}

// extendTail gives the last segment its prepared space back, if a repair or a cut that was not
// completed took it. It is called after healing, because a frame that reaches past the end of the
// file is torn, and must not look whole before it is gone. If there is no space the log opens all
// the same, so that a Purge can make some.
func (w *WAL) extendTail(tail segment) error {
	if w.opts.preallocation == PreallocateNone {
		return nil
	}
	size, err := tail.file.Size()
	if err != nil || size >= w.opts.segmentSize {
		return err
	}
	w.bare = true
	err = w.makeRoom()
	if err == nil || !vfs.IsShortage(err) {
		return err
	}
	w.warn("there is no space for the log's last segment: no save can be taken until there is",
		zap.String("dir", w.dir.Path()), zap.String("segment", tail.String()), zap.Error(err))
	return nil
}

// makeRoom reserves the last segment's space if it has none. The lock is held, and nobody leads.
func (w *WAL) makeRoom() error {
	if !w.bare {
		return nil
	}
	tail := w.tailSegment()
	if err := tail.file.Reserve(w.opts.segmentSize); err != nil {
		return fmt.Errorf("prepare segment %s: %w", tail.segmentName, err)
	}
	w.bare = false
	return nil
}

// resumePoint is where a log goes on from: what has to be restored when a cut is not completed.
type resumePoint struct {
	appended  appended
	headerEnd int64
	end       nextRecord
}

// resumePoint returns where the log goes on from now. The lock is held.
func (w *WAL) resumePoint() resumePoint {
	e, end := &w.open.enc, w.appended
	end.state = bytes.Clone(end.state)
	return resumePoint{end, w.headerEnd, nextRecord{e.end(), e.crc, e.trailered}}
}

// resume goes on at p in the last segment, which a cut has already completed, because the next
// segment could not be filled. The save that caused the cut is alone in the open batch, and is
// taken out. The lock is held, and nobody leads.
func (w *WAL) resume(p resumePoint) {
	w.appended, w.headerEnd = p.appended, p.headerEnd
	w.open.reset()
	w.unsynced = false
	at := frame.Position{Seq: w.tailSegment().seq, Off: p.end.off}
	w.open.enc.start(at, p.end.crc, p.end.trailered, true)
	w.zeroed.ready = min(w.zeroed.ready, p.end.off)
	w.bare = w.opts.preallocation != PreallocateNone
}

// warnOfLacks warns, once for each, of what the file system turned out to be unable to do.
func (w *WAL) warnOfLacks() {
	found := uint32(w.dir.Lacks())
	fresh := vfs.Lack(found &^ w.lacks.Or(found))
	if fresh&vfs.LackReserve != 0 {
		w.warn("the file system of the log cannot reserve space: a full disk can end the log at any save",
			zap.String("dir", w.dir.Path()))
	}
	if fresh&vfs.LackSyncDir != 0 {
		w.warn("the file system of the log cannot sync a directory: "+
			"that a new segment survives a crash is left to it", zap.String("dir", w.dir.Path()))
	}
}
