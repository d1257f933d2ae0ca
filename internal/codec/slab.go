package codec

import (
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// SlabSize says how many entries and how much of their data lie in one piece of memory. An entry
// that is kept for long keeps its piece, and no other one.
type SlabSize struct {
	entries int
	bytes   int // of encoded data
	share   int // the most that one entry takes of it; a larger one has memory of its own
}

// Streamed is for entries of which the caller keeps some and not others. Together is for entries
// that are read to be kept together; they are still let go of a few at a time.
var (
	Streamed = SlabSize{entries: 32, bytes: 8 << 10, share: 1 << 10}
	Together = SlabSize{entries: 256, bytes: 64 << 10, share: 4 << 10}
)

// Slab decodes entries that are read one after the other, with fewer than two allocations for each:
// entries and their data are made several at a time. That needs a type that can share the memory of
// its encoding; others are decoded one by one. A Slab is not safe for concurrent use.
type Slab struct {
	Size    SlabSize       // not the zero one
	plain   []walpb.Entry  // not used yet, if the entries are of package walpb
	entries []log.LogEntry // not used yet, if they can share
	made    []log.LogEntry // the array behind entries
	data    []byte         // not used yet
	last    int            // how many entries the last piece was for
	kind    slabKind
}

// slabKind is how a Slab decodes entries of the registered type.
type slabKind int

const (
	kindUnknown slabKind = iota
	kindPlain            // those of package walpb, whose methods need no Guard
	kindShares
	kindAlone // the type cannot share
)

// kindOf returns how entries of the registered type are decoded.
func kindOf(reg *log.Registry) slabKind {
	ent := reg.NewEntry()
	if _, ok := ent.(*walpb.Entry); ok {
		return kindPlain
	}
	if shares(ent) {
		return kindShares
	}
	return kindAlone
}

// Decode returns the entry that is encoded in data, which is intact and copied, and its index.
func (s *Slab) Decode(reg *log.Registry, data []byte) (ent log.LogEntry, i uint64, err error) {
	if s.kind == kindUnknown {
		s.kind = kindOf(reg)
	}
	switch {
	case len(data) > s.Size.share || s.kind == kindAlone:
		return decodeEntry(reg, data)
	case s.kind == kindPlain:
		return s.decodePlain(data)
	}
	if len(s.entries) == 0 || len(data) > len(s.data) {
		s.made = reg.AppendEntries(s.made[:0], s.begin(len(data)))
		s.entries = s.made
	}
	ent, s.entries = s.entries[0], s.entries[1:]
	if i, err = decodeShared(ent, s.own(data)); err != nil {
		return nil, 0, err
	}
	return ent, i, nil
}

// decodePlain is Decode for entries of package walpb.
func (s *Slab) decodePlain(data []byte) (log.LogEntry, uint64, error) {
	if len(s.plain) == 0 || len(data) > len(s.data) {
		s.plain = make([]walpb.Entry, s.begin(len(data)))
	}
	ent := &s.plain[0]
	s.plain = s.plain[1:]
	if err := ent.UnmarshalShared(s.own(data)); err != nil {
		return nil, 0, DecodeError(ent, log.EntryType, data, err)
	}
	return ent, ent.Index, nil
}

// begin begins a piece for entries with about size bytes of data each, and returns how many it is
// for: a few at first, so that little is made for a log that holds little. Entries and data begin
// anew together: otherwise an entry would keep the data of others that are made in one piece with
// it, whatever piece that data is in.
func (s *Slab) begin(size int) (entries int) {
	s.last = min(max(4, 2*s.last), s.Size.entries)
	entries = min(s.last, max(s.Size.bytes/max(size, 1), 1))
	s.data = make([]byte, max(min(2*size*entries, s.Size.bytes), size))
	return entries
}

// own returns a copy of data that an entry may keep, and for which there is room.
func (s *Slab) own(data []byte) []byte {
	n := copy(s.data, data)
	own := s.data[:n:n]
	s.data = s.data[n:]
	return own
}
