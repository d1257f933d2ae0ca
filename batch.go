package wal

import (
	"fmt"
	"math"

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
	notes   notes // what it changes in the contents, in order
	sync    bool  // something in it has to be durable
	saves   int
	entries int
	round   *round // where they wait; nil as long as nobody does
}

// round is where the callers of one batch wait. err is set before done is closed.
type round struct {
	done chan struct{}
	err  error
}

// join returns the batch's round.
func (b *batch) join() *round {
	if b.round == nil {
		b.round = &round{done: make(chan struct{})}
	}
	return b.round
}

// answer gives the callers that wait for the batch its result.
func (b *batch) answer(err error) error {
	if b.round != nil {
		b.round.err = err
		close(b.round.done)
	}
	return err
}

// pending tells whether there is anything to write or to sync, or anybody who waits for what
// was written before.
func (b *batch) pending() bool { return len(b.enc.buf) > 0 || b.sync || b.round != nil }

// reset makes the batch empty; it keeps its memory, but not that of a large save.
func (b *batch) reset() {
	clear(b.notes) // lets go of states and snapshots
	*b = batch{enc: b.enc, notes: b.notes[:0]}
	b.enc.buf, b.enc.data = b.enc.buf[:0], nil
	b.enc.shrink()
	if cap(b.notes) > maxKeptNotes {
		b.notes = nil
	}
}

// maxKeptNotes is how many notes of a batch may have memory that is kept for the next one.
const maxKeptNotes = 1 << 12

// mark is a point in a batch to go back to.
type mark struct {
	bytes, notes int
	crc          uint32
	flags        byte
}

func (b *batch) mark() mark { return mark{len(b.enc.buf), len(b.notes), b.enc.crc, b.enc.flags} }

// back takes out what was encoded since the mark.
func (b *batch) back(m mark) {
	b.enc.buf, b.enc.crc, b.enc.flags = b.enc.buf[:m.bytes], m.crc, m.flags
	b.enc.shrink()
	b.notes = b.notes[:m.notes]
}

// head is where the records go on from: the last index and the encoded state,
// with all that was encoded, be it written yet or not.
type head struct {
	last  uint64
	state []byte // nil: none was ever saved
}

// encode appends a save to the batch, behind the given head, and returns the new last
// index. On an error the batch is as it was, and so it is when a method of a record
// ends the goroutine: a mistake of the caller's types does not touch the log.
func (b *batch) encode(s *save, h head, types *savedTypes) (last uint64, err error) {
	m, whole := b.mark(), false
	defer func() {
		if !whole {
			b.back(m)
		}
	}()
	last, err = b.encodeRecords(s, h, types)
	whole = err == nil
	return last, err
}

// encodeRecords is encode, but leaves what it has encoded before an error.
func (b *batch) encodeRecords(s *save, h head, types *savedTypes) (last uint64, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: a method of the record panics: %v", ErrEncode, r)
		}
	}()
	begin, left := b.enc.end(), s.records()
	flags := func() byte {
		if left--; left == 0 {
			return flagCommit
		}
		return 0
	}
	last, s.first = h.last, h.last+1
	if c := s.control; c.kind != 0 {
		b.enc.appendBytes(log.CrcType, controlData(c.kind, c.index), flags())
		b.notes = append(b.notes, note{typ: log.CrcType, control: c.kind, index: c.index})
		last = c.lastAfter(last)
	}
	if s.snap != nil {
		m := markOf(s.snap)
		if m.index == math.MaxUint64 {
			return 0, checkIndex(m.index, m.index)
		}
		if err := b.encodeRecord(log.SnapshotType, s.snap, m.index, flags(), types); err != nil {
			return 0, err
		}
		b.notes = append(b.notes, note{typ: log.SnapshotType, index: m.index, data: b.enc.data, term: m.term, termed: m.termed})
		last = max(last, m.index)
	}
	for _, ent := range s.ents {
		if s.next {
			if err := setIndex(ent, last+1); err != nil {
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
		s.lazy = s.records() == 1 && types.mayWait(s.st, h.state)
		if err := b.encodeRecord(log.StateType, s.st, s.st.GetCommitted(), flags(), types); err != nil {
			return 0, err
		}
		b.notes = append(b.notes, note{typ: log.StateType, data: b.enc.data})
	}
	return last, nil
}

// encodeEntry appends an entry that follows index last in the save that begins at
// begin, and returns its own index.
func (b *batch) encodeEntry(ent log.LogEntry, last uint64, begin int64, flags byte, types *savedTypes) (uint64, error) {
	if isNil(ent) {
		return 0, fmt.Errorf("%w: a nil entry", ErrInvalidArgument)
	}
	i := ent.GetIndex()
	if err := checkIndex(i, last); err != nil {
		return 0, err
	}
	b.notes.entry(i, b.enc.end(), begin, b.enc.crc)
	if err := b.encodeRecord(log.EntryType, ent, i, flags, types); err != nil {
		return 0, fmt.Errorf("entry %d: %w", i, err)
	}
	return i, nil
}

// encodeRecord appends a record of the user's with an index, of a state the committed one, unless it
// cannot be read back.
func (b *batch) encodeRecord(typ log.RecordType, rec log.RecordData, index uint64, flags byte, types *savedTypes) error {
	t := types.of(typ, rec)
	if err := b.enc.appendRecord(t, rec, flags); err != nil {
		return err
	}
	return types.check(t, rec, b.enc.data, index)
}

// publish makes a written batch visible to readers.
func (v *view) publish(b *batch, n segmentName) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range b.notes {
		v.apply(&b.notes[i], n)
	}
	v.published(place{n.seq, b.enc.end()})
}
