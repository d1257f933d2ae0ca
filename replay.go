package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
)

// replay turns the scans of consecutive segments, taken in order, into contents. It checks what one
// segment alone does not show: that the chain goes on, that the metadata is the same, and that the
// indexes leave no gap.
type replay struct {
	contents
	registry    *log.Registry
	segments    int                     // taken so far
	crc         uint32                  // the chain after them
	records     int                     // of their whole saves
	named       bool                    // the metadata is known
	committed   frame.Position          // after the last whole save
	lastThere   uint64                  // the last index at that position
	wanted      func(index uint64) bool // which snapshots to keep; nil: none
	recorded    []recordedSnapshot      // those, in the order of their records: see recordedSnapshots
	compactions []compaction            // what is yet to be done to recorded, in their order
	restoring   frame.Position          // where the save begins that restored the log last
}

// recordedSnapshot is a snapshot that a segment records.
type recordedSnapshot struct {
	snapshotMark
	snap log.Snapshot
	data []byte // as it is encoded

	committed bool // whatever the state says: the log was restored to it, or compacted up to it
}

// begin prepares the replay for segment n as the first one.
func (r *replay) begin(n segmentName) {
	r.last = n.before()
	r.anchored = n.seq == 0
	r.committed, r.lastThere = frame.Position{Seq: n.seq}, r.last
}

// take takes in the next segment, as far as it could be scanned. The error is what ended the scan,
// or what does not fit to the segments before.
func (r *replay) take(s *scan) error {
	if r.segments > 0 && s.seen > 0 && s.begins != r.crc {
		return r.corrupt(s.name, 0, frame.ErrChain.Error(), nil)
	}
	if !r.follows(s) {
		reason := fmt.Sprintf("by its name it follows index %d, and what is before it ends at %d",
			s.name.before(), r.last)
		return r.corrupt(s.name, 0, reason, nil)
	}
	for i := range s.edits {
		x := &s.edits[i]
		if x.typ != log.MetadataType && (x.save > r.committed.Off || s.name.seq != r.committed.Seq) {
			r.wholeUpTo(s.name, x.save)
		}
		if err := r.edit(s, x); err != nil {
			return err
		}
	}
	if s.state != nil {
		r.state = s.state
	}
	r.wholeUpTo(s.name, s.whole().Off)
	r.records += s.records
	r.segments++
	r.crc = s.end.crc
	var c *CorruptionError
	if errors.As(s.err, &c) && c.truncateTo.Off == 0 {
		c.truncateTo = r.committed // the scan did not know the segments before
	}
	return s.err
}

// follows reports whether a segment has the name that it was given after what was read before it.
// The chain does not cover control records: only the name shows that the segment before has lost a
// truncation that was its last record. Names that other programs gave may be too low, and always
// pass.
func (r *replay) follows(s *scan) bool {
	return r.segments == 0 || s.seen == 0 || !s.trailered || !r.anchored || s.name.before() == r.last
}

// wholeUpTo notes that everything before an offset of segment n is part of the log.
func (r *replay) wholeUpTo(n segmentName, off int64) {
	if off > 0 {
		r.committed = frame.Position{Seq: n.seq, Off: off}
	}
	r.lastThere = r.last
}

// edit checks an edit against what is before it, and applies it.
func (r *replay) edit(s *scan, x *edit) error {
	switch x.typ {
	case log.MetadataType:
		return r.setMetadata(s.name, x)
	case log.EntryType:
		err := checkIndex(x.index, r.last)
		if err != nil && (x.index == 0 || r.anchored || s.trailered) {
			reason := err.Error()
			if s.turnedPlain {
				reason += "; did etcd go on here, " +
					"from entries that were dropped before this segment was begun?"
			}
			return r.corrupt(s.name, x.off, reason, err)
		}
	case log.CrcType:
		switch x.control {
		case frame.ControlRestore:
			r.recorded, r.compactions = nil, nil
			r.restoring = frame.Position{Seq: s.name.seq, Off: x.save}
		case frame.ControlCompact:
			r.compactRecorded(min(x.index, r.last))
		}
	case log.SnapshotType:
		snap, id, err := codec.DecodeSnapshot(r.registry, x.data)
		if err != nil {
			return fmt.Errorf("wal: segment %s at offset %d: %w", s.name, x.off, err)
		}
		x.index, x.term, x.termed = id.Index, id.Term, id.Termed
		if id.Index == math.MaxUint64 {
			err := checkIndex(id.Index, r.last)
			return r.corrupt(s.name, x.off, err.Error(), err)
		}
		if r.wanted != nil && r.wanted(id.Index) {
			r.recorded = append(r.recorded, recordedSnapshot{
				snapshotMark: snapshotMark{id, s.name.seq}, snap: snap, data: x.data,
				committed: r.restoring == frame.Position{Seq: s.name.seq, Off: x.save},
			})
		}
	}
	r.apply(x, s.name)
	return nil
}

// compaction is a COMPACT record: what it does to the first snapshots that are recorded.
type compaction struct {
	index uint64
	count int // how many snapshots are recorded before it
}

// compactRecorded drops the recorded snapshots below i, and has those at i count as committed. It
// only notes that: recordedSnapshots does it for all compactions at once.
func (r *replay) compactRecorded(i uint64) {
	if n := len(r.compactions); n > 0 && r.compactions[n-1].count == len(r.recorded) {
		r.compactions[n-1].index = max(r.compactions[n-1].index, i)
	} else if len(r.recorded) > 0 {
		r.compactions = append(r.compactions, compaction{i, len(r.recorded)})
	}
}

// recordedSnapshots returns the snapshots that are recorded, and that no compaction has dropped.
func (r *replay) recordedSnapshots() []recordedSnapshot {
	all, todo := r.recorded, r.compactions
	if len(todo) == 0 {
		return all
	}
	r.compactions = nil
	var highest uint64 // of the compactions after the n-th snapshot
	compacted := false // there is one
	kept := len(all)
	for n := len(all) - 1; n >= 0; n-- {
		for len(todo) > 0 && todo[len(todo)-1].count > n {
			highest, compacted = max(highest, todo[len(todo)-1].index), true
			todo = todo[:len(todo)-1]
		}
		s := all[n]
		s.committed = s.committed || compacted && s.Index == highest
		if s.Index >= highest {
			kept--
			all[kept] = s
		}
	}
	r.recorded = dropFront(all, kept)
	return r.recorded
}

// setMetadata takes over the metadata of the first segment. That of every later one must be the
// same.
func (r *replay) setMetadata(n segmentName, x *edit) error {
	if !r.named {
		r.metadata, r.named = x.data, true
		return nil
	}
	if !bytes.Equal(r.metadata, x.data) {
		return r.corrupt(n, x.off, "its metadata is not that of the segments before", ErrMetadataConflict)
	}
	return nil
}

// corrupt returns the error for damage in segment n.
func (r *replay) corrupt(n segmentName, off int64, reason string, cause error) error {
	return &CorruptionError{
		Segment: n.String(), Offset: off, Reason: reason, Err: cause, truncateTo: r.committed,
	}
}
