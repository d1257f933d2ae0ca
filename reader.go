package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
)

// A Reader reads a log without locking or changing it; a writer may be using
// the log meanwhile. It shows the log as it was when OpenForRead returned: what
// is saved later is not seen. What it shows of a log that a writer has open may
// not be durable yet. When the writer purges segments, their entries are
// [ErrCompacted] here too.
//
// All methods are safe for concurrent use.
type Reader struct{ view }

// OpenForRead opens the log in dir for reading. It takes no locks and changes
// nothing: a torn tail is passed over, not healed. Where snap says to start is
// as in [Open], and so are the errors, but for ErrLocked.
func OpenForRead(lg *zap.Logger, dir string, snap log.Snapshot, opts ...Option) (*Reader, error) {
	o, err := newOptions(opts)
	if err != nil {
		return nil, err
	}
	start := startAt(snap)
	l := start.loader(o, dir)
	ld, err := l.loadUnlocked(start.pick)
	for err == nil && start.retry() {
		ld, err = l.loadUnlocked(start.pick)
	}
	if err == nil {
		err = start.check(ld)
	}
	if err == nil {
		err = ld.checkState(o.registry)
	}
	if err != nil {
		return nil, err
	}
	r := &Reader{}
	r.init(o, dir, ld, start)
	if t := ld.end.torn; t != nil {
		orNop(lg).Warn("the log has a torn tail, which is passed over", tornFields(*t)...)
	}
	return r, nil
}

// Close ends the use of the reader; iterators in flight end with [ErrClosed]. It always returns nil.
func (r *Reader) Close() error {
	r.life.end(ErrClosed)
	return nil
}

// view is the reading half of a log, shared by WAL and Reader.
type view struct {
	fs       vfs.FS
	dir      string
	registry *log.Registry
	from     uint64 // entries above it are what ReadAll returns
	life     life
	lastName segmentName // the last segment when the log was opened
	flips    []int64     // bits missing in it: a Reader does not heal, and has to put them back again

	mu sync.RWMutex // guards what follows; never held during I/O
	contents
}

func (v *view) init(o options, dir string, ld *loaded, s *start) {
	v.fs, v.dir, v.registry = o.fs, dir, o.registry
	v.contents = ld.contents
	v.from = s.index
	v.flips = ld.end.flips
	if len(ld.names) > 0 {
		v.lastName = ld.names[len(ld.names)-1]
	}
}

// life says whether a log may be used, and if not, why not.
type life struct{ over atomic.Pointer[error] }

// end ends it, the first time; it tells whether this was the first time.
func (l *life) end(err error) bool { return l.over.CompareAndSwap(nil, &err) }

func (l *life) err() error {
	if p := l.over.Load(); p != nil {
		return *p
	}
	return nil
}

// Entries returns the entries with indexes in [lo, hi), in order, reading as it
// goes. It shows the log as of the start of the iteration. An iteration ends
// with the first error: [ErrCompacted] if lo is below FirstIndex, [ErrNotFound]
// if hi is above LastIndex+1, or what went wrong in reading. Every record is
// verified again.
func (v *view) Entries(lo, hi uint64) iter.Seq2[log.LogEntry, error] {
	return func(yield func(log.LogEntry, error) bool) {
		found, err := v.locate(lo, hi)
		if err != nil {
			yield(nil, err)
			return
		}
		v.read(found, lo)(yield)
	}
}

// Entry returns the entry with the given index: [ErrCompacted] below
// FirstIndex, [ErrNotFound] above LastIndex. The record is verified again.
func (v *view) Entry(index uint64) (log.LogEntry, error) {
	if index+1 == 0 {
		return nil, fmt.Errorf("%w: entry %d", ErrNotFound, index)
	}
	for ent, err := range v.Entries(index, index+1) {
		return ent, err
	}
	return nil, fmt.Errorf("%w: entry %d", ErrNotFound, index)
}

// FirstIndex returns the lowest index that can be read, or LastIndex+1 if there is no entry.
func (v *view) FirstIndex() uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.first()
}

// LastIndex returns the index of the last entry, or of a later snapshot that
// stands behind it; 0 if there is neither.
func (v *view) LastIndex() uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.last
}

// Metadata returns a copy of the metadata that the log was created with.
func (v *view) Metadata() []byte { return bytes.Clone(v.metadata) }

// State returns the state saved last; an empty one if none was ever saved. It
// is a new one each time.
func (v *view) State() log.HardState {
	v.mu.RLock()
	defer v.mu.RUnlock()
	st, err := decodeState(v.registry, v.state)
	if err != nil { // it could be encoded, but not be decoded again
		return v.registry.NewState()
	}
	return st
}

// Snapshot returns the snapshot saved last, as far as the segments that were
// read hold one; else an empty one. It is a new one each time.
func (v *view) Snapshot() log.Snapshot {
	v.mu.RLock()
	defer v.mu.RUnlock()
	snap := v.registry.NewSnapshot()
	if v.snapshot != nil && decodeInto(snap, log.SnapshotType, v.snapshot) != nil {
		return v.registry.NewSnapshot()
	}
	return snap
}

// locate returns the extents of the entries [lo, hi).
func (v *view) locate(lo, hi uint64) ([]extent, error) {
	if err := v.life.err(); err != nil {
		return nil, err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	first, last := v.first(), v.last
	switch {
	case lo > hi:
		return nil, fmt.Errorf("%w: entries from %d to %d", ErrInvalidArgument, lo, hi)
	case lo == hi:
		return nil, nil
	case lo < first:
		return nil, fmt.Errorf("%w: entry %d, the first one is %d", ErrCompacted, lo, first)
	case hi-1 > last:
		return nil, fmt.Errorf("%w: entry %d, the last one is %d", ErrNotFound, hi-1, last)
	}
	return v.index.find(lo, hi), nil
}

// read yields the entries of the extents from index lo on. All of it is
// durable and is never written again, so it needs no lock; a segment that
// was purged meanwhile is ErrCompacted.
func (v *view) read(extents []extent, lo uint64) iter.Seq2[log.LogEntry, error] {
	return func(yield func(log.LogEntry, error) bool) {
		var dec decoder
		var file vfs.File
		defer func() {
			if file != nil {
				file.Close()
			}
		}()
		for _, x := range extents {
			if file == nil || dec.seq != x.name.seq {
				if file != nil {
					file.Close()
				}
				var err error
				if file, err = v.openSegment(x, &dec); err != nil {
					yield(nil, err)
					return
				}
			}
			dec.seek(x.off, x.crc)
			for i := x.first; i < x.next; {
				ent, err := v.nextEntry(&dec, i)
				if err == nil && i < lo {
					i++
					continue
				}
				if !yield(ent, err) || err != nil {
					return
				}
				i++
			}
		}
	}
}

// openSegment opens the segment of an extent and sets the decoder on it.
func (v *view) openSegment(x extent, dec *decoder) (vfs.File, error) {
	name := x.name.String()
	f, err := v.fs.OpenRead(filepath.Join(v.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: entry %d, segment %s was purged", ErrCompacted, x.first, name)
	}
	if err != nil {
		return nil, fmt.Errorf("wal: read entry %d: %w", x.first, err)
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("wal: read entry %d: %w", x.first, err)
	}
	*dec = decoder{win: window{f: f, name: name, size: size, buf: dec.win.buf[:0]}, seq: x.name.seq, exact: true, check: dec.check}
	if x.name == v.lastName {
		dec.win.flips = v.flips
	}
	return f, nil
}

// nextEntry returns the next entry in the segment, which must be entry i.
func (v *view) nextEntry(dec *decoder, i uint64) (log.LogEntry, error) {
	if err := v.life.err(); err != nil {
		return nil, err
	}
	for {
		off := dec.off
		f, err := dec.next()
		if bad, ok := asBadFrame(err); ok {
			return nil, &CorruptionError{Segment: dec.win.name, Offset: off, Reason: bad.cause.Error(), FirstIndex: i, LastIndex: i}
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, fmt.Errorf("wal: read entry %d: %w", i, err)
		}
		if f.typ != log.EntryType {
			continue
		}
		ent, got, err := decodeEntry(v.registry, f.data)
		if err != nil {
			return nil, fmt.Errorf("wal: segment %s at offset %d: %w", dec.win.name, off, err)
		}
		if got != i {
			return nil, &CorruptionError{Segment: dec.win.name, Offset: off, Reason: fmt.Sprintf("entry %d in place of entry %d", got, i), FirstIndex: i, LastIndex: i}
		}
		return ent, nil
	}
}
