package wal

import (
	"fmt"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// healChunk is how many bytes heal writes at a time.
const healChunk = 1 << 20

// heal makes the log durable up to the end that the scan found (docs/FORMAT.md 7.3): it writes the
// bytes from the last SYNCED record to that end once more, writes zeros over what stands behind it,
// and syncs.
//
// The rewriting is for a process that died between its write and its sync, or after a failed sync.
// The page cache may then show bytes that are not on disk and that no further sync would write,
// because their pages count as clean. On a file system that copies on write, rewriting takes space.
// If there is none, it is enough that the device has the bytes: so the log opens, and a Purge can
// make room.
//
// A crash in between leaves each sector as it was or as heal writes it. The log's own bytes are the
// same in both. Of the bytes behind them, some may be zero by then: what is left is torn by the
// same rows of the table (docs/FORMAT.md 7.1), or nothing is left.
func heal(f vfs.File, n segmentName, end logEnd) error {
	win := window{f: f, name: n.String(), size: end.off, flips: end.flips}
	for off := end.synced; off < end.off; off += healChunk {
		b, err := win.at(off, int(min(healChunk, end.off-off)))
		if err != nil {
			return fmt.Errorf("wal: heal: %w", err)
		}
		if _, err := f.WriteAt(b, off); err != nil && !(vfs.IsShortage(err) && f.Stored(b, off)) {
			return fmt.Errorf("wal: heal segment %s: %w", n, err)
		}
	}
	if err := clearRange(f, n, end.off, end.dirty); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("wal: heal segment %s: %w", n, err)
	}
	return nil
}

// clearRange writes zeros from off to end. It leaves out holes: nothing is on the disk there that
// could come back.
func clearRange(f vfs.File, n segmentName, off, end int64) error {
	win := window{f: f, name: n.String(), size: end}
	var zeros []byte
	for off < end {
		start, stop, err := win.data(off, end)
		if err != nil {
			return fmt.Errorf("wal: heal: %w", err)
		}
		for off = start; off < stop; off += int64(len(zeros)) {
			if zeros == nil {
				zeros = make([]byte, min(healChunk, end-off))
			}
			if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), stop-off)], off); err != nil {
				return fmt.Errorf("wal: heal segment %s: %w", n, err)
			}
		}
		off = stop
	}
	return nil
}

// recover makes what was loaded durable, and the log ready for appending. Nothing on disk is
// changed before it, so a log that is corrupt stays as it is.
func (w *WAL) recover(ld *loaded) error {
	if err := removeTemporary(w.dir); err != nil {
		return err
	}
	tail, end := w.tailSegment(), ld.end
	if err := heal(tail.file, tail.segmentName, end); err != nil {
		return err
	}
	// A segment that was named, or a directory that was made, right before a crash may not be durable
	// yet.
	err := w.dir.Sync()
	if err == nil {
		err = vfs.SyncParent(w.opts.fs, w.dir.Path())
	}
	if err != nil {
		return fmt.Errorf("wal: open: %w", err)
	}
	if t := end.torn; t != nil {
		w.warn("healed a torn tail of the log: a save that was never acknowledged is gone",
			tornFields(*t)...)
		if healed := w.listener.Healed; healed != nil {
			w.later(event{other: func() { healed(*t) }})
		}
	}
	if err := w.extendTail(tail); err != nil {
		return fmt.Errorf("wal: open segment %s: %w", tail.segmentName, err)
	}
	if w.zeroed, err = newZeroed(&w.opts, &w.zeroPolicy, tail.file, end.off); err != nil {
		return fmt.Errorf("wal: open segment %s: %w", tail.segmentName, err)
	}
	w.closedMark = end.closed
	w.warnOfLacks()
	return nil
}
