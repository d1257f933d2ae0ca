package etcdraft

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal"
)

// Entries implements raft.Storage. The newest entries come out of memory, the others are read from
// the log, and each is verified.
func (s *Storage) Entries(lo, hi, maxSize uint64) ([]*raftpb.Entry, error) {
	r := s.plan(lo, hi)
	if r.err != nil || r.lo == r.hi {
		return limited(r.newest, 0, maxSize), r.err
	}
	ents, err := s.read(lo, hi, maxSize)
	switch {
	case err == nil || err == raft.ErrCompacted || err == raft.ErrUnavailable:
		return ents, err
	case errors.Is(err, wal.ErrCompacted): // meanwhile
		return nil, raft.ErrCompacted
	}
	err = fmt.Errorf("etcdraft: read the entries from %d to %d: %w", lo, hi-1, err)
	if s.onError != nil { // no lock is held: it may close the Storage
		s.onError(err)
	}
	return nil, err
}

// read reads entries of which the log has the first ones.
func (s *Storage) read(lo, hi, maxSize uint64) ([]*raftpb.Entry, error) {
	s.replacing.RLock() // what is read and what is in memory have to be of one log
	defer s.replacing.RUnlock()
	r := s.plan(lo, hi)
	if r.err != nil {
		return nil, r.err
	}
	return r.run(s.w, maxSize)
}

// reading is where the entries of a call of Entries come from.
type reading struct {
	err    error           // why there are none
	lo, hi uint64          // what is to be read from the log
	after  *wal.Pending    // the save that is to be awaited before; nil: none
	newest []*raftpb.Entry // what follows, from memory
}

// plan decides where the entries [lo, hi) come from.
func (s *Storage) plan(lo, hi uint64) reading {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case lo <= s.terms.dummy().first:
		return reading{err: raft.ErrCompacted}
	case hi > s.last+1:
		return reading{err: raft.ErrUnavailable}
	}
	r := reading{lo: lo, hi: max(lo, min(hi, s.tail.first()))}
	if r.hi < hi {
		r.newest = s.tail.from(r.hi, hi)
	}
	if s.flight.pending != nil && r.hi > s.flight.low {
		r.after = s.flight.pending
	}
	return r
}

// run reads at most maxSize bytes of entries, but at least one entry.
func (r *reading) run(w *wal.WAL, maxSize uint64) ([]*raftpb.Entry, error) {
	if r.after != nil {
		if err := r.after.Wait(); err != nil {
			return nil, err
		}
	}
	read, err := w.EntriesLimit(r.lo, r.hi, maxSize)
	if err != nil {
		return nil, err
	}
	ents := make([]*raftpb.Entry, len(read), len(read)+len(r.newest))
	var size uint64
	for i, e := range read {
		ents[i] = &e.(*storedEntry).entry
		size += uint64(e.Size())
	}
	if uint64(len(read)) < r.hi-r.lo {
		return ents, nil
	}
	return append(ents, limited(r.newest, size, maxSize)...), nil
}

// limited returns as many of the entries as have at most maxSize bytes together with the size that
// is there already, but at least one if nothing is there.
func limited(ents []*raftpb.Entry, size, maxSize uint64) []*raftpb.Entry {
	for i, e := range ents {
		before := size
		size += uint64(sizeOf(e))
		if size > maxSize && before > 0 {
			return ents[:i:i]
		}
	}
	return ents
}
