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

// A Reader reads a log without locking or changing it; a writer may be using
// the log meanwhile, in this process or another one. It shows the log as it was when
// OpenForRead returned: what is saved, replaced or dropped later is not seen, because a
// writer changes no byte that the log has. Two things can be noticed of a writer:
//   - When it purges segments, a read of their entries is [ErrCompacted], unless the Reader has the
//     file still open. A Reader keeps nothing from being purged, and is never told of an overwrite.
//     It reads in the directory that it was opened in, also when the path names another one since.
//   - What it has written but not synced may be seen. If its machine dies then, which a reader on
//     another one outlives, a read of what was never acknowledged can be an [ErrCorrupt].
//
// All methods are safe for concurrent use.
type Reader struct{ view }

// OpenForRead opens the log in dir for reading. It takes no locks and changes
// nothing: a torn tail is passed over, not healed. Where snap says to start is
// as in [Open], and so are the errors, but for ErrLocked.
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

// Close ends the use of the reader; iterators in flight end with [ErrClosed]. It always returns nil.
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
	flips    []int64     // bits missing in it: a Reader does not heal, and has to put them back again
	files    fileCache
	cursors  sync.Pool // of *cursor

	mu sync.RWMutex // guards what follows; never held during I/O
	contents
	publishedEnd frame.Position       // where the contents end
	readers      map[*cursor]struct{} // readings under way
	left         bool                 // the log is closed
	changed      chan struct{}        // closed by the next change; nil: nobody waits for one
}

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

// sticky says whether a log may be used, and if not, why not.
type sticky struct {
	cause atomic.Pointer[error]
	done  chan struct{} // closed when it is over
}

// set ends it, the first time; it tells whether this was the first time.
func (l *sticky) set(err error) bool {
	first := l.cause.CompareAndSwap(nil, &err)
	if first {
		close(l.done)
	}
	return first
}

func (l *sticky) err() error {
	if p := l.cause.Load(); p != nil {
		return *p
	}
	return nil
}

// Entries returns the entries with indexes in [lo, hi), in order, reading as it
// goes, in bounded memory. Every record is verified again. An iteration ends with
// the first error. Before any entry that is [ErrInvalidArgument] if lo is above hi, [ErrCompacted] if
// lo is below FirstIndex, and [ErrNotFound] if hi is above LastIndex+1; later, what went wrong in
// reading. If lo is hi there is no entry and no error, wherever they are.
//
// It shows the log as of the start of the iteration, or ends. When entries that it
// has yet to yield are replaced or dropped meanwhile, it goes on to the first of them and
// ends there with an [*OverwrittenError], which is an [ErrOverwritten]. What
// Release lets go of meanwhile it still yields; Purge leaves it the segments that it needs.
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

// each yields the entries of a cursor, up to the first error.
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
		// Looked at after reading: whatever was read then is still in the log.
		if r := c.replaced.Load(); r != 0 && r <= i {
			ent, err = nil, &OverwrittenError{Index: r}
		}
		if over := v.sticky.err(); over != nil {
			ent, err = nil, over
		}
		if !yield(ent, err) || err != nil {
			return
		}
	}
}

// read yields the entries of extents from index lo on, whatever becomes of the
// log meanwhile. A segment that was purged is ErrCompacted.
func (v *view) read(extents []extent, lo uint64) iter.Seq2[log.LogEntry, error] {
	return func(yield func(log.LogEntry, error) bool) {
		c := v.cursor()
		c.set(extents, frame.Position{}, lo)
		defer v.done(c)
		v.each(c, yield)
	}
}

// EntriesLimit returns the entries with indexes in [lo, hi), in order, as many
// as together have at most maxBytes bytes of encoded data, but always the first one:
// what the Storage of a Raft library wants. They are the log as of one moment of the call. The errors
// are those of [WAL.Entries], but for ErrOverwritten; with an error there are no entries.
func (v *view) EntriesLimit(lo, hi, maxBytes uint64) ([]log.LogEntry, error) {
	for {
		ents, err := v.entriesLimit(lo, hi, maxBytes)
		if !errors.Is(err, ErrOverwritten) {
			return ents, err
		}
		// Entries that were not looked up yet were replaced meanwhile: as of now, then.
	}
}

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

// Entry returns the entry with the given index: [ErrCompacted] below
// FirstIndex, [ErrNotFound] above LastIndex. It reads a few KiB around it, as a rule with one
// read of the file, and verifies every record that it passes.
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

// cursorAt returns a cursor on one entry. It is not registered: what it reads is the log as of now.
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
// is a new one each time. It is nil if it cannot be decoded. That was tried when the log was
// opened and when the state's type was first saved, so it takes a type that decodes the
// same bytes at one time and not at another.
func (v *view) State() log.HardState {
	v.mu.RLock()
	data := bytes.Clone(v.state) // the next save of a state overwrites the original
	v.mu.RUnlock()
	st, _, err := codec.DecodeState(v.registry, data)
	if err != nil {
		return nil // an empty one would be a lie: a Raft node that trusts it votes twice
	}
	return st
}

// Snapshot returns the snapshot saved last, as far as the segments that were
// read hold one; else an empty one. It is a new one each time, and nil if it cannot be
// decoded, as with State.
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
