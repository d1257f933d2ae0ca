package wal

import (
	"fmt"
	"math"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
)

// save is what one call writes, as a whole: a control record, then a snapshot, the entries and a
// state. Each part may be missing.
type save struct {
	control control // kind 0: none
	ents    []log.LogEntry
	st      log.HardState
	snap    log.Snapshot
	lazy    bool   // it need not be durable, as its state's type says; set by encode
	next    bool   // encode gives the entries their indexes
	first   uint64 // index of the first entry, if next is set; set by encode
}

// newSave returns a save of entries and a state. A state that is nil or empty is left out. A nil
// pointer as a state is an error.
func newSave(st log.HardState, ents []log.LogEntry) (save, error) {
	s := save{ents: ents}
	if st == nil {
		return s, nil
	}
	if codec.IsNil(st) {
		return s, fmt.Errorf("%w: a nil pointer as a state; pass nil to save none", ErrInvalidArgument)
	}
	empty, err := codec.IsEmpty(st)
	if !empty {
		s.st = st
	}
	return s, err
}

// records returns how many records the save has.
func (s *save) records() int {
	n := len(s.ents)
	if s.st != nil {
		n++
	}
	if s.snap != nil {
		n++
	}
	if s.control.kind != 0 {
		n++
	}
	return n
}

// batch is one or more saves that are written with one write and at most one sync.
type batch struct {
	enc     encoder
	edits   edits // the changes to the contents, in order
	sync    bool  // something in the batch has to be durable
	saves   int
	entries int
	waiters *waiters // nil while no caller waits for the batch
}

// waiters is what the callers of one batch wait on. err is set before done is closed.
type waiters struct {
	done chan struct{}
	err  error
}

// join returns the batch's waiters, and makes them if there are none. The writer's lock is held.
func (b *batch) join() *waiters {
	if b.waiters == nil {
		b.waiters = &waiters{done: make(chan struct{})}
	}
	return b.waiters
}

// complete wakes the callers that wait for the batch, with its result, and returns the result.
func (b *batch) complete(err error) error {
	if b.waiters != nil {
		b.waiters.err = err
		close(b.waiters.done)
	}
	return err
}

// pending reports whether there is anything to write or to sync, or a caller that waits for what
// was written before.
func (b *batch) pending() bool { return len(b.enc.buf) > 0 || b.sync || b.waiters != nil }

// reset makes the batch empty. It keeps the batch's memory, except that of a large save.
func (b *batch) reset() {
	clear(b.edits) // so that no state or snapshot is kept in memory
	*b = batch{enc: b.enc, edits: b.edits[:0]}
	b.enc.buf, b.enc.data = b.enc.buf[:0], nil
	b.enc.shrink()
	if cap(b.edits) > maxKeptEdits {
		b.edits = nil
	}
}

// maxKeptEdits is how many edits a batch may have for their memory to be kept for the next batch.
const maxKeptEdits = 1 << 12

// savepoint is a point in a batch that back can go back to.
type savepoint struct {
	bytes, edits int
	crc          uint32
	flags        byte
}

// savepoint returns the point that the batch has reached.
func (b *batch) savepoint() savepoint {
	return savepoint{len(b.enc.buf), len(b.edits), b.enc.crc, b.enc.flags}
}

// back takes out everything that was encoded since p.
func (b *batch) back(p savepoint) {
	b.enc.buf, b.enc.crc, b.enc.flags = b.enc.buf[:p.bytes], p.crc, p.flags
	b.enc.shrink()
	b.edits = b.edits[:p.edits]
}

// appended is where the records go on from: the last index and the encoded state behind everything
// that is encoded, whether it is written yet or not.
type appended struct {
	last  uint64
	state []byte // nil: none was ever saved
}

// encode appends a save to the batch, behind what was appended before, and returns the new last
// index. If it fails, or if a method of a record ends the goroutine, the batch is as it was: a
// mistake in the caller's types does not touch the log.
func (b *batch) encode(s *save, before appended, types *codec.SavedTypes) (last uint64, err error) {
	p, whole := b.savepoint(), false
	defer func() {
		if !whole {
			b.back(p)
		}
	}()
	last, err = b.encodeRecords(s, before, types)
	if _, panics := err.(*codec.PanicError); panics {
		err = fmt.Errorf("%w: a method of a record: %w", ErrEncode, err)
	}
	whole = err == nil
	return last, err
}

// encodeRecords does what encode does, but after an error it leaves in the batch what it has
// encoded.
func (b *batch) encodeRecords(
	s *save, before appended, types *codec.SavedTypes,
) (last uint64, err error) {
	defer codec.Guard(&err)
	begin, left := b.enc.end(), s.records()
	flags := func() byte {
		if left--; left == 0 {
			return frame.FlagCommit
		}
		return 0
	}
	last, s.first = before.last, before.last+1
	if c := s.control; c.kind != 0 {
		b.enc.appendBytes(log.CrcType, frame.ControlData(c.kind, c.index), flags())
		b.edits = append(b.edits, edit{typ: log.CrcType, control: c.kind, index: c.index})
		last = c.lastAfter(last)
	}
	if s.snap != nil {
		if last, err = b.encodeSnapshot(s.snap, last, flags(), types); err != nil {
			return 0, err
		}
	}
	for _, ent := range s.ents {
		if s.next {
			if err := codec.SetIndex(ent, last+1); err != nil {
				return 0, err
			}
		}
		if last, err = b.encodeEntry(ent, last, begin, flags(), types); err != nil {
			return 0, err
		}
		if err = s.control.checkEntry(last); err != nil {
			return 0, err
		}
	}
	if s.st != nil {
		s.lazy = s.records() == 1 && types.MayWait(s.st, before.state)
		if err := b.encodeRecord(log.StateType, s.st, s.st.GetCommitted(), flags(), types); err != nil {
			return 0, err
		}
		b.edits = append(b.edits, edit{typ: log.StateType, data: b.enc.data})
	}
	return last, nil
}

// encodeSnapshot appends a snapshot behind index last, and returns the last index behind it.
func (b *batch) encodeSnapshot(
	snap log.Snapshot, last uint64, flags byte, types *codec.SavedTypes,
) (uint64, error) {
	id := codec.IDOf(snap)
	if id.Index == math.MaxUint64 {
		return 0, checkIndex(id.Index, id.Index)
	}
	if err := b.encodeRecord(log.SnapshotType, snap, id.Index, flags, types); err != nil {
		return 0, err
	}
	b.edits = append(b.edits, edit{
		typ: log.SnapshotType, index: id.Index, data: b.enc.data, term: id.Term, termed: id.Termed,
	})
	return max(last, id.Index), nil
}

// encodeEntry appends an entry that follows index last, in the save that begins at offset begin of
// the segment, and returns the entry's index.
func (b *batch) encodeEntry(
	ent log.LogEntry, last uint64, begin int64, flags byte, types *codec.SavedTypes,
) (uint64, error) {
	if codec.IsNil(ent) {
		return 0, fmt.Errorf("%w: a nil entry", ErrInvalidArgument)
	}
	i := ent.GetIndex()
	if err := checkIndex(i, last); err != nil {
		return 0, err
	}
	b.edits.entry(i, b.enc.end(), begin, b.enc.crc)
	if err := b.encodeRecord(log.EntryType, ent, i, flags, types); err != nil {
		return 0, fmt.Errorf("entry %d: %w", i, err)
	}
	return i, nil
}

// encodeRecord appends a record of one of the user's types. It fails if the record cannot be read
// back, or is read back with another index; the index of a state is its committed one.
func (b *batch) encodeRecord(
	typ log.RecordType, rec log.RecordData, index uint64, flags byte, types *codec.SavedTypes,
) error {
	t := types.Of(typ, rec)
	if err := b.enc.appendRecord(t, rec, flags); err != nil {
		return err
	}
	return types.Check(t, rec, b.enc.data, index)
}
