package codec

import "github.com/seed449c39bc/wal/log"

const (
	// slabBytes is how much encoded data lies in one piece of memory.
	slabBytes = 4 << 10
	// slabShare is the largest part of it that one entry takes; a larger one has memory of its own.
	slabShare = slabBytes / 4
	// slabEntries is how many entries are made at a time. An entry that is kept for long
	// keeps as many others, and so at most as many times slabShare bytes.
	slabEntries = 16
)

// Slab makes entries that are read one after the other, with fewer allocations than
// two for each. That needs a type that can share the memory of its encoding. It is not
// safe for concurrent use.
type Slab struct {
	entries []log.LogEntry // not used yet; those of one slab lie in one piece of memory
	made    []log.LogEntry // the memory of entries
	data    []byte         // not used yet
	known   bool           // alone is
	alone   bool           // the type cannot share
}

// Decode returns the entry encoded in data, which is intact, and its index.
func (s *Slab) Decode(reg *log.Registry, data []byte) (ent log.LogEntry, i uint64, err error) {
	if s.alone || len(data) > slabShare {
		return decodeEntry(reg, data)
	}
	if len(s.entries) == 0 {
		s.made = reg.AppendEntries(s.made[:0], slabEntries)
		s.entries = s.made
		if !s.known {
			if s.known, s.alone = true, !shares(s.made[0]); s.alone {
				return decodeEntry(reg, data)
			}
		}
	}
	if len(data) > len(s.data) {
		s.data = make([]byte, slabBytes)
	}
	ent, s.entries = s.entries[0], s.entries[1:]
	n := copy(s.data, data)
	own := s.data[:n:n]
	s.data = s.data[n:]
	if i, err = decodeShared(ent, own); err != nil {
		return nil, 0, err
	}
	return ent, i, nil
}
