package wal

import (
	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
)

// salvage looks for entries after damage, at every offset at which one could stand.
type salvage struct {
	entries   codec.IndexReader
	check     frame.Checker
	damage    frame.Position
	low, high uint64 // lowest and highest index found
	newer     error  // says what the first record of a newer version is; nil: there is none
}

// segment goes through a segment from p on: first through the records with trailers, each of which
// vouches for itself with its check, and from the last of them on through the plain ones.
// lastBefore is the last index before the damage.
func (s *salvage) segment(win *window, p frame.Position, lastBefore uint64) error {
	f := finder{win: win, seq: p.Seq}
	for {
		off, err := f.first(p.Off, 0)
		if err != nil {
			return err
		}
		if off < 0 {
			return s.plain(win, p.Off)
		}
		size, err := s.trailered(win, frame.Position{Seq: p.Seq, Off: off}, lastBefore)
		if err != nil {
			return err
		}
		p.Off = off + size
	}
}

// trailered takes in the record with a trailer at p, and returns the size of its frame. If the
// damage is in the data of an entry, the entry is most likely the one after the last intact one.
func (s *salvage) trailered(
	win *window, p frame.Position, lastBefore uint64,
) (size int64, err error) {
	o, head, err := win.outlineAt(&s.check, p)
	if err != nil || !o.Intact {
		return frame.WordSize, err // the file has changed
	}
	f := frame.Frame{Type: o.Type, HasTrailer: true, Flags: o.Flags}
	if o.Type == log.CrcType {
		f.Data = o.Payload(head)
	}
	if kind := f.Unknown(); kind != "" && s.newer == nil {
		s.newer = &NewerFormatError{Segment: win.name, Offset: p.Off, Kind: kind}
	}
	switch {
	case o.Type != log.EntryType:
	case p == s.damage:
		s.found(max(s.high, lastBefore) + 1)
	default:
		b, err := win.frame(p.Off)
		if err != nil {
			return 0, err
		}
		s.entry(o.Payload(b))
	}
	return o.Size, nil
}

// plain goes through plain records from off on. An entry counts if the chain of the record right
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
			off += frame.WordSize
			continue
		}
		if chained && o.Type == log.EntryType {
			sum, err := win.crcOver(crc, off+int64(o.HeadSize), off+o.FootAt)
			if err != nil {
				return err
			}
			if sum == o.Crc {
				b, err := win.frame(off)
				if err != nil {
					return err
				}
				s.entry(o.Payload(b))
			}
		}
		chained, crc = true, o.Crc
		off += o.Size
	}
}

// entry notes the entry that is encoded in data, if its index can be read.
func (s *salvage) entry(data []byte) {
	if i, err := s.entries.Index(data); err == nil && i > 0 {
		s.found(i)
	}
}

// found notes that there is an entry i.
func (s *salvage) found(i uint64) {
	s.high = max(s.high, i)
	if s.low == 0 || i < s.low {
		s.low = i
	}
}
