package wal

import (
	"bytes"
	"fmt"
	"io"

	"github.com/seed449c39bc/wal/log"
)

// replay turns the frames of a run of segments into contents. It verifies each
// and indexes the entries; where the log ends has been found before.
type replay struct {
	contents
	registry   *log.Registry
	peek       log.IndexReader // nil: entries are decoded to know their index
	records    int
	committed  place              // behind the last save that is whole
	lastThere  uint64             // the last index at that place
	onSnapshot func(log.Snapshot) // may be nil
	dec        decoder
	header     int // records of the current segment's header seen so far
}

func newReplay(l *loader) *replay {
	r := &replay{registry: l.registry, onSnapshot: l.onSnapshot}
	if !l.decodeAll {
		r.peek, _ = l.registry.NewEntry().(log.IndexReader)
	}
	return r
}

// begin sets the replay to read from segment n on.
func (r *replay) begin(n segmentName) {
	r.last = n.before()
	r.anchored = n.seq == 0
	r.committed, r.lastThere = place{seq: n.seq}, r.last
}

// segment replays one segment, of which size bytes count. In the last one the
// frames must fill them exactly.
func (r *replay) segment(n segmentName, win window, last bool) error {
	r.dec = decoder{win: win, seq: n.seq, crc: r.dec.crc, chained: r.dec.chained, exact: last, check: r.dec.check}
	r.header = 0
	for {
		off, crc := r.dec.off, r.dec.crc
		f, err := r.dec.next()
		if err == io.EOF {
			return r.endSegment(n)
		}
		if bad, ok := asBadFrame(err); ok {
			return r.corrupt(n, bad.off, bad.cause.Error(), nil)
		}
		if err != nil {
			return err
		}
		if err := r.record(n, f, off, crc); err != nil {
			return err
		}
		r.records++
		if f.commits() {
			r.committed, r.lastThere = place{n.seq, r.dec.off}, r.last
		}
	}
}

// endSegment checks that a segment holds its header and ends with a whole save.
func (r *replay) endSegment(n segmentName) error {
	switch {
	case r.header < headerRecords:
		return r.corrupt(n, r.dec.off, "the segment has no header", nil)
	case r.committed != place{n.seq, r.dec.off}:
		return r.corrupt(n, r.dec.off, "the last save of the segment is not complete", nil)
	}
	return nil
}

// headerRecords is how many records every segment begins with: the chain and the metadata.
const headerRecords = 2

// record takes in one record, which stands at an offset of segment n and has crc as the chain before it.
func (r *replay) record(n segmentName, f frame, off int64, crc uint32) error {
	if want := [headerRecords]log.RecordType{log.CrcType, log.MetadataType}; r.header < headerRecords {
		if f.typ != want[r.header] {
			return r.corrupt(n, off, fmt.Sprintf("a %s record in place of the segment's %s record", f.typ, want[r.header]), nil)
		}
		r.header++
	}
	if off == 0 && !r.follows(n, f) {
		return r.corrupt(n, off, fmt.Sprintf("by its name it follows index %d, and what is before it ends at %d", n.before(), r.last), nil)
	}
	switch f.typ {
	case log.CrcType:
		return r.control(n, f, off)
	case log.MetadataType:
		return r.setMetadata(n, f.data, off)
	case log.EntryType:
		return r.entry(n, f, off, crc)
	case log.StateType:
		r.setState(f.data)
		return nil
	case log.SnapshotType:
		return r.takeSnapshot(n, f.data, off)
	}
	return r.corrupt(n, off, fmt.Sprintf("unknown record type %d; was the log written by a newer version?", int64(f.typ)), nil)
}

// follows tells whether segment n, which begins with f, has the name that it was given behind
// what was read before it. The chain does not cover control records: that a segment
// lost a truncation, its last record, shows only here. Other programs' names may be too low.
func (r *replay) follows(n segmentName, f frame) bool {
	return r.records == 0 || !f.sealed || !r.anchored || n.before() == r.last
}

func (r *replay) control(n segmentName, f frame, off int64) error {
	data := f.control()
	if data == nil || bytes.Equal(data, closedData()) {
		return nil
	}
	i, ok := parseTruncate(data)
	if !ok {
		return r.corrupt(n, off, "unknown control record; was the log written by a newer version?", nil)
	}
	r.truncate(i)
	return nil
}

func (r *replay) setMetadata(n segmentName, data []byte, off int64) error {
	if r.records < headerRecords { // the first segment read
		r.metadata = bytes.Clone(data)
		return nil
	}
	if !bytes.Equal(r.metadata, data) {
		return r.corrupt(n, off, "its metadata is not that of the segments before", ErrMetadataConflict)
	}
	return nil
}

func (r *replay) entry(n segmentName, f frame, off int64, crc uint32) error {
	i, err := r.entryIndex(f.data)
	if err != nil {
		return fmt.Errorf("wal: segment %s at offset %d: %w", n, off, err)
	}
	if err := checkIndex(i, r.last); err != nil && (i == 0 || r.anchored || f.sealed) {
		return r.corrupt(n, off, err.Error(), err)
	}
	r.addEntry(i, n, off, crc)
	return nil
}

// entryIndex returns the index of an encoded entry, without decoding all of it if the type allows that.
func (r *replay) entryIndex(data []byte) (uint64, error) {
	if r.peek != nil {
		return readIndex(r.peek, data)
	}
	_, i, err := decodeEntry(r.registry, data)
	return i, err
}

func (r *replay) takeSnapshot(n segmentName, data []byte, off int64) error {
	snap, i, err := decodeSnapshot(r.registry, data)
	if err != nil {
		return fmt.Errorf("wal: segment %s at offset %d: %w", n, off, err)
	}
	r.addSnapshot(i, n.seq, data)
	if r.onSnapshot != nil {
		r.onSnapshot(snap)
	}
	return nil
}

func (r *replay) corrupt(n segmentName, off int64, reason string, cause error) error {
	return &CorruptionError{Segment: n.String(), Offset: off, Reason: reason, Err: cause, cut: r.committed}
}

// isSnapshot tells whether a recorded snapshot is the wanted one. With the same
// index but another term, which only types that have a term can tell, it is an error.
func isSnapshot(recorded, wanted log.Snapshot) (is bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: a getter of %T panics: %v", ErrInvalidArgument, wanted, r)
		}
	}()
	if recorded.GetIndex() != wanted.GetIndex() {
		return false, nil
	}
	r, rok := recorded.(log.TermedSnapshot)
	w, wok := wanted.(log.TermedSnapshot)
	if rok && wok && r.GetTerm() != w.GetTerm() {
		return false, fmt.Errorf("%w: index %d has term %d in the log and %d was asked for; see ValidSnapshots",
			ErrSnapshotMismatch, wanted.GetIndex(), r.GetTerm(), w.GetTerm())
	}
	return true, nil
}
