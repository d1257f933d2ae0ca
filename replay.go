package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/seed449c39bc/wal/log"
)

// replay turns the scans of a run of segments, taken in order, into contents. It
// checks what one segment alone does not show: that the chain goes on, that
// the metadata is the same, that the indexes leave no gap.
type replay struct {
	contents
	registry  *log.Registry
	segments  int    // taken so far
	crc       uint32 // the chain behind them
	records   int
	named     bool                    // the metadata is known
	committed place                   // behind the last whole save
	lastThere uint64                  // the last index at that place
	wanted    func(index uint64) bool // which snapshots to keep; nil: none
	recorded  []recordedSnapshot      // those, in the order of their records
	restoring place                   // where the save begins that restored the log last
}

// recordedSnapshot is a snapshot that a segment records.
type recordedSnapshot struct {
	snapshotMark
	snap log.Snapshot
	data []byte // as it is encoded

	committed bool // whatever the state says: the log was restored to it, or compacted up to it
}

// begin sets the replay to go on from segment n.
func (r *replay) begin(n segmentName) {
	r.last = n.before()
	r.anchored = n.seq == 0
	r.committed, r.lastThere = place{seq: n.seq}, r.last
}

// take takes in the next segment, as far as it could be scanned; what ended the scan is returned then.
func (r *replay) take(s *scan) error {
	if r.segments > 0 && s.seen > 0 && s.begins != r.crc {
		return r.corrupt(s.name, 0, errChain.Error(), nil)
	}
	if !r.follows(s) {
		return r.corrupt(s.name, 0, fmt.Sprintf("by its name it follows index %d, and what is before it ends at %d", s.name.before(), r.last), nil)
	}
	for i := range s.notes {
		x := &s.notes[i]
		if x.typ != log.MetadataType && (x.save > r.committed.off || s.name.seq != r.committed.seq) {
			r.wholeUpTo(s.name, x.save)
		}
		if err := r.note(s, x); err != nil {
			return err
		}
	}
	if s.state != nil {
		r.state = s.state
	}
	r.wholeUpTo(s.name, s.whole().off)
	r.records += s.records
	r.segments++
	r.crc = s.end.crc
	var c *CorruptionError
	if errors.As(s.err, &c) && c.cut.off == 0 {
		c.cut = r.committed // the scan did not know the segments before
	}
	return s.err
}

// follows tells whether a segment has the name that it was given behind what was read
// before it. The chain does not cover control records: that a segment lost a truncation, its
// last record, shows only here. Other programs' names may be too low.
func (r *replay) follows(s *scan) bool {
	return r.segments == 0 || s.seen == 0 || !s.sealed || !r.anchored || s.name.before() == r.last
}

// wholeUpTo says that all before an offset of a segment is part of the log.
func (r *replay) wholeUpTo(n segmentName, off int64) {
	if off > 0 {
		r.committed = place{n.seq, off}
	}
	r.lastThere = r.last
}

// note checks a note against what is before it, and applies it.
func (r *replay) note(s *scan, x *note) error {
	switch x.typ {
	case log.MetadataType:
		return r.setMetadata(s.name, x)
	case log.EntryType:
		if err := checkIndex(x.index, r.last); err != nil && (x.index == 0 || r.anchored || s.sealed) {
			reason := err.Error()
			if s.plain {
				reason += "; did etcd go on here, from entries that were dropped before this segment was begun?"
			}
			return r.corrupt(s.name, x.off, reason, err)
		}
	case log.CrcType:
		switch x.control {
		case controlRestore:
			r.recorded = nil
			r.restoring = place{s.name.seq, x.save}
		case controlCompact:
			r.compactRecorded(min(x.index, r.last))
		}
	case log.SnapshotType:
		snap, mark, err := decodeSnapshot(r.registry, x.data)
		if err != nil {
			return fmt.Errorf("wal: segment %s at offset %d: %w", s.name, x.off, err)
		}
		x.index, x.term, x.termed = mark.index, mark.term, mark.termed
		if mark.index == math.MaxUint64 {
			err := checkIndex(mark.index, r.last)
			return r.corrupt(s.name, x.off, err.Error(), err)
		}
		if r.wanted != nil && r.wanted(mark.index) {
			mark.seq = s.name.seq
			committed := r.restoring == place{s.name.seq, x.save}
			r.recorded = append(r.recorded, recordedSnapshot{mark, snap, x.data, committed})
		}
	}
	r.apply(x, s.name)
	return nil
}

// compactRecorded drops the recorded snapshots before i, and has those at i count as committed.
func (r *replay) compactRecorded(i uint64) {
	r.recorded = slices.DeleteFunc(r.recorded, func(s recordedSnapshot) bool { return s.index < i })
	for n := range r.recorded {
		if r.recorded[n].index == i {
			r.recorded[n].committed = true
		}
	}
}

func (r *replay) setMetadata(n segmentName, x *note) error {
	if !r.named {
		r.metadata, r.named = x.data, true
		return nil
	}
	if !bytes.Equal(r.metadata, x.data) {
		return r.corrupt(n, x.off, "its metadata is not that of the segments before", ErrMetadataConflict)
	}
	return nil
}

func (r *replay) corrupt(n segmentName, off int64, reason string, cause error) error {
	return &CorruptionError{Segment: n.String(), Offset: off, Reason: reason, Err: cause, cut: r.committed}
}
