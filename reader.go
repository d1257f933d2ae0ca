package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
)

// A Reader reads a log without locking or changing it. A writer, in this process or another one,
// may be using the log meanwhile. The Reader shows the log as it was when OpenForRead returned: it
// does not see what is saved, replaced or dropped later, because a writer changes no byte that the
// log has. It can notice a writer in two ways:
//   - After the writer has purged segments, a read of their entries returns [ErrCompacted], unless
//     the Reader still has the file open. A Reader keeps nothing from being purged, and is never
//     told of an overwrite. It reads in the directory that it was opened in, even if the path has
//     come to name another one.
//   - It may see what the writer has written but not synced. If the writer's machine dies then, and
//     the Reader runs on another one, a read of what was never acknowledged can return an
//     [ErrCorrupt].
//
// All methods are safe for concurrent use.
type Reader struct{ view }

// OpenForRead opens the log in dir for reading. It takes no locks and changes nothing: it passes
// over a torn tail and does not heal it. snap says where to start, as in [Open]. The errors are
// those of [Open], except ErrLocked.
func OpenForRead(lg *zap.Logger, dir string, snap log.Snapshot, opts ...Option) (*Reader, error) {
	o, d, err := openAt(dir, opts)
	if err != nil {
		return nil, err
	}
	opened := false
	defer func() { // also when a method of a record ends the goroutine
		if !opened {
			d.Close()
		}
	}()
	start := startAt(snap)
	l := start.loader(o, d)
	ld, err := start.load(l, l.loadBeside)
	if err != nil {
		return nil, err
	}
	if t := ld.end.torn; t != nil {
		orNop(lg).Warn("the log has a torn tail, which is passed over", tornFields(*t)...)
	}
	r := &Reader{}
	r.init(o, d, ld, start)
	opened = true
	return r, nil
}

// Close ends the use of the Reader. Iterations under way end with [ErrClosed]. It always returns
// nil.
func (r *Reader) Close() error {
	r.sticky.set(ErrClosed)
	r.leave()
	return nil
}

// view is the reading half of a log, shared by WAL and Reader.
type view struct {
	dir      vfs.Dir
	registry *log.Registry
	from     uint64 // entries above it are what ReadAll returns
	sticky   sticky
	lastName segmentName // the last segment when the log was opened
	flips    []int64     // bits to correct when it is read: a Reader does not heal them in the file
	files    fileCache
	cursors  sync.Pool // of *cursor

	mu sync.RWMutex // guards what follows; not held while a file is read, written or synced
	contents
	publishedEnd frame.Position       // where the contents end
	readers      map[*cursor]struct{} // readings under way
	shut         bool                 // the log is closed: the last reading closes the directory
	changed      chan struct{}        // the next change closes it; nil: no follower waits for one
}

// init sets up the view of a log that was loaded with s.
func (v *view) init(o options, dir vfs.Dir, ld *loaded, s *start) {
	v.dir, v.registry = dir, o.registry
	v.contents = ld.contents
	v.replaced, v.index.gone, v.index.keeps = 0, nil, true
	v.from, v.released = s.index, s.index
	v.flips = ld.end.flips
	v.files.init(o, dir)
	v.readers = make(map[*cursor]struct{})
	v.sticky.done = make(chan struct{})
	if len(ld.names) > 0 {
		v.lastName = ld.names[len(ld.names)-1]
		v.publishedEnd = frame.Position{Seq: v.lastName.seq, Off: ld.end.off}
	}
}

// sticky is the error that stays: once it is set, reading and writing the log fail with it.
type sticky struct {
	cause atomic.Pointer[error]
	done  chan struct{} // closed when the error is set
}

// set sets the error if none is set yet, and reports whether it did.
func (l *sticky) set(err error) bool {
	first := l.cause.CompareAndSwap(nil, &err)
	if first {
		close(l.done)
	}
	return first
}

// err returns the error, or nil as long as none is set.
func (l *sticky) err() error {
	if p := l.cause.Load(); p != nil {
		return *p
	}
	return nil
}

// Entries returns an iteration over the entries with indexes in [lo, hi), in order. It reads them
// as the loop asks for them, in bounded memory, and verifies every record again. If lo is equal to
// hi, there is no entry and no error, whatever their value.
//
// An iteration ends with the first error. Before the first entry, the error is [ErrInvalidArgument]
// if lo is above hi, [ErrCompacted] if lo is below FirstIndex, and [ErrNotFound] if hi is above
// LastIndex+1. Later errors are those of reading.
//
// An iteration shows the log as it was when the iteration started, or it ends. If entries that it
// has yet to yield are replaced or dropped meanwhile, it yields those before the first of them and
// then ends with an [*OverwrittenError], which is an [ErrOverwritten]. It still yields entries that
// Release lets go of meanwhile, and Purge keeps the segments that it needs.
func (v *view) Entries(lo, hi uint64) iter.Seq2[log.LogEntry, error] {
	return func(yield func(log.LogEntry, error) bool) {
		if err := v.sticky.err(); err != nil {
			yield(nil, err)
			return
		}
		c, err := v.begin(lo, hi, firstGroups)
		if err != nil {
			yield(nil, err)
			return
		}
		defer v.end(c)
		v.each(c, yield)
	}
}

// each yields the entries of a cursor, up to and including the first error.
func (v *view) each(c *cursor, yield func(log.LogEntry, error) bool) {
	for {
		i, data, err := c.next()
		if err == io.EOF {
			return
		}
		var ent log.LogEntry
		if err == nil {
			ent, err = c.decode(i, data)
		}
		if over := v.over(c, i); over != nil {
			ent, err = nil, over
		}
		if !yield(ent, err) || err != nil {
			return
		}
	}
}

// over returns the error with which an iteration ends in place of yielding entry i, or nil. It is
// asked after reading: if the entry was not replaced by then, what was read is still in the log.
func (v *view) over(c *cursor, i uint64) error {
	if err := v.sticky.err(); err != nil {
		return err
	}
	if r := c.replaced.Load(); r != 0 && r <= i {
		return &OverwrittenError{Index: r}
	}
	return nil
}

// read yields the entries of extents from index lo on, whatever happens to the log meanwhile. If
// one of the segments was purged, the error is ErrCompacted.
func (v *view) read(extents []extent, lo uint64) iter.Seq2[log.LogEntry, error] {
	return func(yield func(log.LogEntry, error) bool) {
		c := v.cursor()
		c.slab = codec.Slab{Size: codec.Together}
		c.set(extents, frame.Position{}, lo)
		defer v.done(c)
		v.each(c, yield)
	}
}

// EntriesLimit returns entries with indexes in [lo, hi), in order: the first one, and as many after
// it as together with it have at most maxBytes bytes of encoded data. This is what the Storage of a
// Raft library needs. The entries are those of the log at one moment during the call. The errors
// are those of [WAL.Entries], except ErrOverwritten. With an error it returns no entries.
func (v *view) EntriesLimit(lo, hi, maxBytes uint64) ([]log.LogEntry, error) {
	for {
		ents, err := v.entriesLimit(lo, hi, maxBytes)
		if !errors.Is(err, ErrOverwritten) {
			return ents, err
		}
		// Entries that were not yet looked up were replaced meanwhile. It begins again, with the log as
		// it is now.
	}
}

// entriesLimit is EntriesLimit, but fails with an ErrOverwritten if entries that it has yet to read
// are replaced meanwhile.
func (v *view) entriesLimit(lo, hi, maxBytes uint64) ([]log.LogEntry, error) {
	if err := v.sticky.err(); err != nil {
		return nil, err
	}
	c, err := v.begin(lo, hi, int(min(maxBytes/pointSpacing, maxGroups))+2)
	if err != nil {
		return nil, err
	}
	defer v.end(c)
	var ents []log.LogEntry
	for left := maxBytes; ; {
		i, data, err := c.next()
		if err == io.EOF {
			return ents, nil
		}
		if err != nil {
			return nil, err
		}
		size := uint64(len(data))
		if size > left && len(ents) > 0 {
			return ents, nil
		}
		left -= min(size, left)
		ent, err := c.decode(i, data)
		if err != nil {
			return nil, err
		}
		ents = append(ents, ent)
	}
}

// Entry returns the entry with the given index. The error is [ErrCompacted] if the index is below
// FirstIndex, and [ErrNotFound] if it is above LastIndex. Entry reads a few KiB around the entry,
// as a rule with one read of the file, and verifies every record that it passes.
func (v *view) Entry(index uint64) (log.LogEntry, error) {
	if err := v.sticky.err(); err != nil {
		return nil, err
	}
	c, err := v.cursorAt(index)
	if err != nil {
		return nil, err
	}
	defer v.done(c)
	i, data, err := c.next()
	if err != nil {
		return nil, err
	}
	return c.decode(i, data)
}

// cursorAt returns a cursor on entry i, to be given back with done. It is not registered: it looks
// nothing up after this call, so what it reads is the log as it is now.
func (v *view) cursorAt(i uint64) (*cursor, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if i+1 == 0 {
		return nil, fmt.Errorf("%w: entry %d", ErrNotFound, i)
	}
	if err := v.checkRange(i, i+1); err != nil {
		return nil, err
	}
	c := v.cursor()
	if err := c.start(i, i+1, 1); err != nil {
		v.done(c)
		return nil, err
	}
	return c, nil
}

// FirstIndex returns the lowest index that can be read, or LastIndex+1 if the log has no entry.
func (v *view) FirstIndex() uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.first()
}

// LastIndex returns the index of the last entry, or of a later snapshot that was saved after it, or
// 0 if there is neither.
func (v *view) LastIndex() uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.last
}

// Metadata returns a copy of the metadata that the log was created with.
func (v *view) Metadata() []byte { return bytes.Clone(v.metadata) }

// State returns the state that was saved last, or an empty one if none was ever saved. Each call
// returns a new one. State returns nil if the state cannot be decoded. The log tries that when it
// is opened and when the state's type is first saved, so this happens only with a type that decodes
// the same bytes at one time and not at another.
func (v *view) State() log.HardState {
	v.mu.RLock()
	data := bytes.Clone(v.state) // the next save of a state overwrites the original
	v.mu.RUnlock()
	st, _, err := codec.DecodeState(v.registry, data)
	if err != nil {
		return nil // an empty one would be wrong: a Raft node that trusted it could vote twice
	}
	return st
}

// Snapshot returns the snapshot that was saved last, or an empty one if the segments that were read
// hold none, or if [WAL.Compact] has dropped what it is of. Each call returns a new one. Snapshot
// returns nil if the snapshot cannot be decoded, as with [WAL.State].
func (v *view) Snapshot() log.Snapshot {
	v.mu.RLock()
	data := bytes.Clone(v.snapshot)
	v.mu.RUnlock()
	if data == nil {
		return v.registry.NewSnapshot()
	}
	snap, _, err := codec.DecodeSnapshot(v.registry, data)
	if err != nil {
		return nil
	}
	return snap
}
