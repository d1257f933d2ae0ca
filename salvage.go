package wal

import (
	"github.com/seed449c39bc/wal/log"
)

// salvage looks for entries behind damage, at every place where one could stand.
type salvage struct {
	entries   entryReader
	check     checker
	damage    place
	low, high uint64 // lowest and highest index found
	newer     error  // about the first record of a newer version; nil: there is none
}

// segment goes through a segment from p on: the records with trailers, each of which vouches for
// itself with its check, and behind them the plain ones.
func (s *salvage) segment(win *window, p place, lastBefore uint64) error {
	f := finder{win: win, seq: p.seq}
	for {
		off, err := f.first(p.off, 0)
		if err != nil {
			return err
		}
		if off < 0 {
			return s.plain(win, p.off)
		}
		size, err := s.sealed(win, place{p.seq, off}, lastBefore)
		if err != nil {
			return err
		}
		p.off = off + size
	}
}

// sealed takes in the record with a trailer at p. If the damage is in the data of an entry, that is
// most likely the one behind the last intact one.
func (s *salvage) sealed(win *window, p place, lastBefore uint64) (size int64, err error) {
	o, head, err := win.outlineAt(&s.check, p)
	if err != nil || !o.right {
		return wordSize, err // the file has changed
	}
	f := frame{typ: o.typ, sealed: true, flags: o.flags}
	if o.typ == log.CrcType {
		f.data = o.payload(head)
	}
	if kind := f.newer(); kind != "" && s.newer == nil {
		s.newer = &NewerFormatError{Segment: win.name, Offset: p.off, Kind: kind}
	}
	switch {
	case o.typ != log.EntryType:
	case p == s.damage:
		s.found(max(s.high, lastBefore) + 1)
	default:
		b, err := win.frame(p.off)
		if err != nil {
			return 0, err
		}
		s.entry(o.payload(b))
	}
	return o.size, nil
}

// plain goes through plain records from off on. An entry counts if the checksum of the record right
// before it leads to its own.
func (s *salvage) plain(win *window, off int64) error {
	chained, crc := false, uint32(0)
	for {
		at, err := win.nextBeginning(off)
		if err != nil || at < 0 {
			return err
		}
		chained = chained && at == off
		off = at
		o, ok, err := win.plainAt(off)
		if err != nil {
			return err
		}
		if !ok {
			chained = false
			off += wordSize
			continue
		}
		if chained && o.typ == log.EntryType {
			sum, err := win.crcOver(crc, off+int64(o.header), off+o.foot)
			if err != nil {
				return err
			}
			if sum == o.crc {
				b, err := win.frame(off)
				if err != nil {
					return err
				}
				s.entry(o.payload(b))
			}
		}
		chained, crc = true, o.crc
		off += o.size
	}
}

func (s *salvage) entry(data []byte) {
	if i, err := s.entries.index(data); err == nil && i > 0 {
		s.found(i)
	}
}

func (s *salvage) found(i uint64) {
	s.high = max(s.high, i)
	if s.low == 0 || i < s.low {
		s.low = i
	}
}
