package wal

import (
	"fmt"
	"math"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
)

// save is what one call writes, as one: the control record, then the snapshot, the entries and
// the state; whatever of it there is.
type save struct {
	control control // kind 0: none
	ents    []log.LogEntry
	st      log.HardState
	snap    log.Snapshot
	lazy    bool   // its state's type says that it need not be durable; known once it is encoded
	next    bool   // the entries get their indexes here
	first   uint64 // the first one's; known once it is encoded
}

// newSave is a save of entries and a state, unless the state is nil or empty.
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

// records is how many records the save has.
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

// batch is one or more saves that are written with one write and one sync.
type batch struct {
	enc     encoder
	edits   edits // what it changes in the contents, in order
	sync    bool  // something in it has to be durable
	saves   int
	entries int
	waiters *waiters // where they wait; nil as long as nobody does
}

// waiters is where the callers of one batch wait. err is set before done is closed.
type waiters struct {
	done chan struct{}
	err  error
}

// join returns the batch's round.
func (b *batch) join() *waiters {
	if b.waiters == nil {
		b.waiters = &waiters{done: make(chan struct{})}
	}
	return b.waiters
}

// complete gives the callers that wait for the batch its result.
func (b *batch) complete(err error) error {
	if b.waiters != nil {
		b.waiters.err = err
		close(b.waiters.done)
	}
	return err
}

// pending tells whether there is anything to write or to sync, or anybody who waits for what
// was written before.
func (b *batch) pending() bool { return len(b.enc.buf) > 0 || b.sync || b.waiters != nil }

// reset makes the batch empty; it keeps its memory, but not that of a large save.
func (b *batch) reset() {
	clear(b.edits) // lets go of states and snapshots
	*b = batch{enc: b.enc, edits: b.edits[:0]}
	b.enc.buf, b.enc.data = b.enc.buf[:0], nil
	b.enc.shrink()
	if cap(b.edits) > maxKeptEdits {
		b.edits = nil
	}
}

// maxKeptEdits is how many notes of a batch may have memory that is kept for the next one.
const maxKeptEdits = 1 << 12

// mark is a point in a batch to go back to.
type mark struct {
	bytes, edits int
	crc          uint32
	flags        byte
}

func (b *batch) mark() mark { return mark{len(b.enc.buf), len(b.edits), b.enc.crc, b.enc.flags} }

// back takes out what was encoded since the mark.
func (b *batch) back(m mark) {
	b.enc.buf, b.enc.crc, b.enc.flags = b.enc.buf[:m.bytes], m.crc, m.flags
	b.enc.shrink()
	b.edits = b.edits[:m.edits]
}

// appended is where the records go on from: the last index and the encoded state,
// with all that was encoded, be it written yet or not.
type appended struct {
	last  uint64
	state []byte // nil: none was ever saved
}

// encode appends a save to the batch, behind the given head, and returns the new last
// index. On an error the batch is as it was, and so it is when a method of a record
// ends the goroutine: a mistake of the caller's types does not touch the log.
func (b *batch) encode(s *save, h appended, types *codec.SavedTypes) (last uint64, err error) {
	m, whole := b.mark(), false
	defer func() {
		if !whole {
			b.back(m)
		}
	}()
	last, err = b.encodeRecords(s, h, types)
	if _, panics := err.(*codec.PanicError); panics {
		err = fmt.Errorf("%w: a method of a record: %w", ErrEncode, err)
	}
	whole = err == nil
	return last, err
}

// encodeRecords is encode, but leaves what it has encoded before an error.
func (b *batch) encodeRecords(s *save, h appended, types *codec.SavedTypes) (last uint64, err error) {
	defer codec.Guard(&err)
	begin, left := b.enc.end(), s.records()
	flags := func() byte {
		if left--; left == 0 {
			return frame.FlagCommit
		}
		return 0
	}
	last, s.first = h.last, h.last+1
	if c := s.control; c.kind != 0 {
		b.enc.appendBytes(log.CrcType, frame.ControlData(c.kind, c.index), flags())
		b.edits = append(b.edits, edit{typ: log.CrcType, control: c.kind, index: c.index})
		last = c.lastAfter(last)
	}
	if s.snap != nil {
		id := codec.IDOf(s.snap)
		if id.Index == math.MaxUint64 {
			return 0, checkIndex(id.Index, last)
		}
		if err := b.encodeRecord(log.SnapshotType, s.snap, id.Index, flags(), types); err != nil {
			return 0, err
		}
		b.edits = append(b.edits, edit{typ: log.SnapshotType, index: id.Index, data: b.enc.data, term: id.Term, termed: id.Termed})
		last = max(last, id.Index)
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
		s.lazy = s.records() == 1 && types.MayWait(s.st, h.state)
		if err := b.encodeRecord(log.StateType, s.st, s.st.GetCommitted(), flags(), types); err != nil {
			return 0, err
		}
		b.edits = append(b.edits, edit{typ: log.StateType, data: b.enc.data})
	}
	return last, nil
}

// encodeEntry appends an entry that follows index last in the save that begins at
// begin, and returns its own index.
func (b *batch) encodeEntry(ent log.LogEntry, last uint64, begin int64, flags byte, types *codec.SavedTypes) (uint64, error) {
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

// encodeRecord appends a record of the user's with an index, of a state the committed one, unless it
// cannot be read back.
func (b *batch) encodeRecord(typ log.RecordType, rec log.RecordData, index uint64, flags byte, types *codec.SavedTypes) error {
	t := types.Of(typ, rec)
	if err := b.enc.appendRecord(t, rec, flags); err != nil {
		return err
	}
	return types.Check(t, rec, b.enc.data, index)
}
