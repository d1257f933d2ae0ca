package wal

import (
	"time"

	"go.uber.org/zap"
)

// Stats are the counters of one WAL since it was opened, and its present size.
type Stats struct {
	Segments    int    // segments that are not released
	TailSegment string // file name of the last one, which is appended to
	TailBytes   int64  // bytes in it
	FirstIndex  uint64 // as FirstIndex and LastIndex return them
	LastIndex   uint64

	Saves        uint64 // saves that are done: with WithWriteDelay, written
	Entries      uint64 // entries in them
	BytesWritten uint64 // bytes of their frames
	ZerosWritten uint64 // bytes of zeros written ahead of them, as [PreallocateZero] says
	Syncs        uint64 // syncs of the segment that is appended to
	SyncTime     time.Duration
	MaxSyncTime  time.Duration
	Cuts         uint64 // how often the log went on to a new segment
}

// Stats returns the counters of this WAL. A save that has returned is counted,
// with [WithWriteDelay] once it is written.
func (w *WAL) Stats() Stats {
	w.counting.Lock()
	s := w.stats
	w.counting.Unlock()
	s.ZerosWritten = w.zeroPolicy.written.Load()
	s.FirstIndex, s.LastIndex = w.FirstIndex(), w.LastIndex()
	w.writer.Lock()
	defer w.writer.Unlock()
	s.Segments = len(w.segments)
	s.TailSegment, s.TailBytes = w.tailSegment().String(), w.open.enc.at.Off
	return s
}

// count adds a batch to the statistics, and queues its events for the listener.
func (w *WAL) count(f *inflight) {
	w.counting.Lock()
	defer w.counting.Unlock()
	st, l := &w.stats, w.listener
	st.Saves += uint64(f.saves)
	st.Entries += uint64(f.entries)
	st.BytesWritten += uint64(len(f.enc.buf))
	if f.sync {
		st.Syncs++
		st.SyncTime += f.took
		st.MaxSyncTime = max(st.MaxSyncTime, f.took)
		if w.opts.slowSync > 0 && f.took > w.opts.slowSync {
			w.warn("slow sync of the log", zap.String("dir", w.dir.Path()),
				zap.Duration("took", f.took), zap.Duration("expected-at-most", w.opts.slowSync))
		}
		if l.Synced != nil {
			w.later(event{synced: f.took})
		}
	}
	if f.saves > 0 && l.Saved != nil {
		w.later(event{saved: SaveEvent{
			Saves: f.saves, Entries: f.entries, Bytes: len(f.enc.buf), Durable: f.sync,
			Took: time.Since(f.began),
		}})
	}
}

// now returns the time if the listener wants to be told of saves, and zero otherwise: asking for
// the time takes a good part of the time of a save without a sync.
func (w *WAL) now() time.Time {
	if w.listener.Saved == nil {
		return time.Time{}
	}
	return time.Now()
}

// countCut adds a cut to the statistics, and queues its event for the listener.
func (w *WAL) countCut(n segmentName, took time.Duration) {
	w.counting.Lock()
	defer w.counting.Unlock()
	w.stats.Cuts++
	if cut := w.listener.Cut; cut != nil {
		w.later(event{other: func() { cut(CutEvent{Segment: n.String(), Took: took}) }})
	}
}
