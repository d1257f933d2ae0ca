package wal

import (
	"bytes"
	"fmt"
	"io"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
)

// scan reads one segment once. It verifies every record, and collects what the whole saves among
// them change. It needs nothing of the segments before, because each segment begins with the chain:
// so segments are scanned side by side. What depends on the segments before, the replay checks in
// order.
type scan struct {
	name    segmentName
	last    bool // it is the last segment, where logEnd.decide says what an invalid record means
	entries codec.IndexReader

	dec         decoder
	records     int    // of whole saves
	edits       edits  // of whole saves, but for states
	state       []byte // the last one in a whole save; nil: none
	begins      uint32 // the chain that the segment begins with; known once dec is chained
	turnedPlain bool   // it begins trailered, and has turned plain
	trailered   bool   // its first record has a trailer: this library began and named it
	end         logEnd // after the last whole save; off is 0 without one
	err         error  // why the scan ended before the end
	missing     bool   // there was no such file
	unopened    bool   // its file could not be opened

	seen    int    // records so far
	open    edits  // of the save that is being read
	newest  []byte // the last state in it; nil: none
	synced  int64  // offset of the last record so far that says SYNCED
	mistake error  // in the save that is being read; it counts only if that save is whole
}

// run scans the file of the segment, with buf as its buffer, in place of which it may take a larger
// one. What fails is in s.err.
func (s *scan) run(f vfs.File, buf []byte) {
	size, err := f.Size()
	if err != nil {
		s.err = fmt.Errorf("wal: size of segment %s: %w", s.name, err)
		return
	}
	win := window{f: f, name: s.name.String(), size: size, buf: buf[:0]}
	s.dec = decoder{win: win, seq: s.name.seq, exact: s.last}
	s.read()
}

// read reads on from where the decoder stands, up to the end or an error, which is then in s.err.
func (s *scan) read() {
	for more := true; more && s.err == nil; {
		off, crc := s.dec.off, s.dec.crc
		fr, err := s.dec.next()
		if err != nil {
			if s.last {
				more, s.err = s.stopAtEnd(err)
			} else {
				more, s.err = false, s.stop(err)
			}
			continue
		}
		s.record(fr, off, crc)
		if fr.Commits() {
			s.commit(fr)
		}
	}
}

// rewind goes back to the end of the last whole save. From there on the segment is to be read from
// the file again, up to size.
func (s *scan) rewind(size int64) {
	end, d := &s.end, &s.dec
	end.torn, end.dirty = nil, 0
	d.seek(end.off, end.crc)
	d.chained, d.started, d.trailered, d.changed = end.off > 0, end.off > 0, end.trailered, 0
	d.win.size, d.win.flips = size, end.flips
	d.win.forget()
	s.seen, s.synced, s.open, s.newest = s.records, end.synced, s.open[:0], nil
	s.mistake, s.err = nil, nil
}

// record takes in one record, which stands at off and has crc as the chain before it.
func (s *scan) record(f *frame.Frame, off int64, crc uint32) {
	if kind := f.Unknown(); kind != "" && s.mistake == nil {
		s.mistake = &NewerFormatError{Segment: s.name.String(), Offset: off, Kind: kind}
	}
	want := [headerRecords]log.RecordType{log.CrcType, log.MetadataType}
	if s.seen < headerRecords && f.Type != want[s.seen] {
		s.mistaken(off, fmt.Sprintf("a %s record in place of the segment's %s record",
			f.Type, want[s.seen]))
	}
	if s.seen == 0 {
		s.begins, s.trailered = f.Crc, f.HasTrailer
	}
	if s.trailered && !f.HasTrailer && !s.turnedPlain {
		s.turnedPlain, s.edits = true, s.edits.asSeenByEtcd()
	}
	s.seen++
	if f.Flags&frame.FlagSynced != 0 {
		s.synced = off
	}
	switch f.Type {
	case log.EntryType:
		i, err := s.entries.Index(f.Data)
		if err != nil && s.mistake == nil {
			s.mistake = fmt.Errorf("wal: segment %s at offset %d: %w", s.name, off, err)
		}
		s.open.entry(i, off, s.end.off, crc)
	case log.CrcType:
		s.control(f, off)
	case log.StateType:
		s.newest = overwrite(s.newest, f.Data)
	case log.MetadataType, log.SnapshotType:
		s.open = append(s.open, edit{typ: f.Type, off: off, save: s.end.off, data: bytes.Clone(f.Data)})
	default:
		// In a trailered record such a type is a newer version's, and that is the mistake already.
		s.mistaken(off, fmt.Sprintf("unknown record type %d", int64(f.Type)))
	}
}

// control takes in a crc record, which may be a control record with an index.
func (s *scan) control(f *frame.Frame, off int64) {
	data := f.Control()
	if data == nil || bytes.Equal(data, frame.ClosedData()) {
		return
	}
	kind, i, ok := frame.ParseControl(data)
	if !ok {
		return // a newer version's: record has seen to it
	}
	s.open = append(s.open, edit{typ: log.CrcType, control: kind, index: i, off: off, save: s.end.off})
}

// mistaken notes that the record at off, which is intact, does not belong there.
func (s *scan) mistaken(off int64, reason string) {
	if s.mistake == nil {
		s.mistake = s.corrupt(off, reason)
	}
}

// commit ends a save with the record just read. If there is a mistake in the save, the scan ends
// with it.
func (s *scan) commit(f *frame.Frame) {
	if s.err = s.mistake; s.err != nil {
		return
	}
	s.records = s.seen
	s.edits.join(s.open)
	s.open = s.open[:0]
	if s.newest != nil {
		s.state, s.newest = s.newest, nil
	}
	d, control := &s.dec, f.Control()
	s.end = logEnd{
		off: d.off, crc: d.crc, trailered: d.trailered, synced: s.synced, flips: d.win.flips,
		closed: control != nil && control[0] == frame.ControlClosed,
	}
}

// stop decides what the end of the records means in a segment that is not the last one. It returns
// nil if the segment ends as it should, and otherwise what is wrong. cause says why no further
// record was read.
func (s *scan) stop(cause error) error {
	bad, isBad := asBadFrame(cause)
	switch {
	case !isBad && cause != io.EOF:
		return fmt.Errorf("wal: %w", cause)
	case s.mistake != nil:
		return s.mistake
	case isBad:
		return s.corrupt(bad.off, bad.cause.Error())
	case s.seen < headerRecords:
		return s.corrupt(s.dec.off, "the segment has no header")
	case s.end.off != s.dec.off:
		return s.corrupt(s.dec.off, "the last save of the segment is not complete")
	}
	return nil
}

// whole returns where the last whole save ends. If that is not in this segment, because not even
// its header is whole, it returns the zero Position.
//
// In a plain segment each record counts as a save, so records have to be counted. Without its first
// two the log could not be opened. In a plain segment that is not the first one, a third is needed:
// the state stands there, if any was ever saved.
func (s *scan) whole() frame.Position {
	needed := headerRecords
	if !s.trailered && s.name.seq > 0 {
		needed++
	}
	if s.records < needed {
		return frame.Position{}
	}
	return frame.Position{Seq: s.name.seq, Off: s.end.off}
}

// corrupt returns the error for damage at off.
func (s *scan) corrupt(off int64, reason string) error {
	return &CorruptionError{
		Segment: s.name.String(), Offset: off, Reason: reason, truncateTo: s.whole(),
	}
}

// stopAtEnd decides what it means that the last segment holds no further record. more is true if
// reading goes on there, because a bit was corrected or the file has changed. The log ends after
// the last whole save, unless what follows it is damage to something that was acknowledged: then
// the error is a *CorruptionError.
func (s *scan) stopAtEnd(cause error) (more bool, err error) {
	if cause == io.EOF && s.end.inHeader(s.seen) {
		cause = s.dec.bad(frame.ErrPastEnd)
	}
	if bad, ok := asBadFrame(cause); ok {
		if more, err = s.end.decide(&s.dec, s.name, bad, s.seen); more || err != nil {
			if c, ok := err.(*CorruptionError); ok {
				c.truncateTo = s.whole()
			}
			return more, err
		}
	} else if cause == io.EOF {
		s.end.dirty = s.dec.win.size
	} else {
		return false, fmt.Errorf("wal: %w", cause)
	}
	if end := &s.end; end.torn == nil && end.dirty > end.off {
		end.torn = &TornTail{
			Segment: s.name.String(), Offset: end.off, Bytes: end.dirty - end.off,
			Reason: "the last save is not complete",
		}
	}
	return false, nil
}
