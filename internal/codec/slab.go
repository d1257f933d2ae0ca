package codec

import "github.com/seed449c39bc/wal/log"

const (
	// slabBytes is how many bytes of encoded data lie in one piece of memory.
	slabBytes = 4 << 10
	// slabShare is the largest part of it that one entry takes; a larger one has memory of its own.
	slabShare = slabBytes / 4
	// slabEntries is how many entries are made at a time. An entry that is kept for long keeps as many
	// others in memory, and so at most slabEntries times slabShare bytes.
	slabEntries = 16
)

// Slab decodes entries that are read one after the other, with fewer than two allocations for each:
// entries and their data are made several at a time. That needs a type that can share the memory of
// its encoding; others are decoded one by one. A Slab is not safe for concurrent use.
type Slab struct {
	entries []log.LogEntry // not used yet; they lie in one piece of memory
	made    []log.LogEntry // the array behind entries
	data    []byte         // not used yet
	known   bool           // alone was found out
	alone   bool           // the type cannot share
}

// Decode returns the entry that is encoded in data, which is intact and copied, and its index.
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
