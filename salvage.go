package wal

import (
	"encoding/binary"
	"errors"

	"github.com/seed449c39bc/wal/log"
)

// stake completes a corruption's error with the entries that stand behind it,
// as far as they can be made out; lastBefore is the last index before it.
func (l *loader) stake(names []segmentName, c *CorruptionError, lastBefore uint64) error {
	s := salvage{registry: l.registry}
	behind := false
	for _, n := range names {
		from := int64(0)
		if !behind {
			if n.String() != c.Segment {
				continue
			}
			behind = true
			s.damage = place{n.seq, c.Offset}
			if from = c.Offset; c.cut.seq == n.seq {
				from = c.cut.off // what stands intact in the same save is lost with it
			}
		}
		f, done, err := l.open(n)
		if err != nil {
			return c // what is at stake stays unknown
		}
		win := window{f: f, name: n.String()}
		s.name = win.name
		if win.size, err = f.Size(); err == nil && from < win.size {
			if data, err := win.nonZero(from); err == nil {
				s.scan(place{n.seq, from}, data, lastBefore)
			}
		}
		done()
	}
	if s.high > 0 {
		c.FirstIndex, c.LastIndex = min(s.low, lastBefore+1), s.high
	}
	if s.newer != nil {
		c.Err = errors.Join(c.Err, s.newer)
	}
	return c
}

// salvage looks for entries behind damage, at every place where one could stand.
type salvage struct {
	registry  *log.Registry
	check     checker
	damage    place
	low, high uint64 // lowest and highest index found
	name      string // of the segment
	newer     error  // about the first record of a newer version; nil: there is none
}

// scan goes through the bytes from p on. A sealed record vouches for itself
// with its check; a plain one counts if the checksum of the record right before
// it leads to its own. If the damage is in the data of an entry, that is most
// likely the one behind the last intact one.
func (s *salvage) scan(p place, data []byte, lastBefore uint64) {
	for len(data)%wordSize != 0 {
		data = append(data, 0)
	}
	chained, crc := false, uint32(0)
	for i := 0; i+wordSize <= len(data); {
		b := data[i:]
		f, err, at := frame{}, error(errWord), place{p.seq, p.off + int64(i)}
		if wordOK(binary.LittleEndian.Uint64(b)) {
			f, err = s.check.parseAt(b, at)
		}
		if err != nil {
			chained = false
			i += wordSize
			continue
		}
		if kind := f.newer(); kind != "" && s.newer == nil {
			s.newer = &NewerFormatError{Segment: s.name, Offset: at.off, Kind: kind}
		}
		if f.typ == log.EntryType && f.sealed && at == s.damage {
			s.found(max(s.high, lastBefore) + 1)
		} else if f.typ == log.EntryType && (f.sealed || chained && f.chain(crc) == f.crc) {
			s.entry(f.data)
		}
		chained, crc = true, f.crc
		i += int(f.size)
	}
}

func (s *salvage) entry(data []byte) {
	if _, i, err := decodeEntry(s.registry, data); err == nil && i > 0 {
		s.found(i)
	}
}

func (s *salvage) found(i uint64) {
	s.high = max(s.high, i)
	if s.low == 0 || i < s.low {
		s.low = i
	}
}
