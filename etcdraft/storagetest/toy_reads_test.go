package storagetest_test

import (
	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

func (s *toy) InitialState() (*raftpb.HardState, *raftpb.ConfState, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	cs := s.snap.GetMetadata().GetConfState()
	if s.defect == hasNoMembersWhenNew && s.snap.GetMetadata().GetIndex() == 0 {
		cs = nil
	}
	return s.hard, cs, nil
}

func (s *toy) FirstIndex() (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.defect == takesTheSnapshotForTheFirst {
		return s.snap.GetMetadata().GetIndex() + 1, nil
	}
	return s.ents[0].GetIndex() + 1, nil
}

func (s *toy) LastIndex() (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.lastIndex(), nil
}

func (s *toy) Term(i uint64) (uint64, error) {
	if s.defect == showsTheEndTooEarly {
		s.mu.Lock()
		s.reads++
		s.mu.Unlock()
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	dummy := s.ents[0].GetIndex()
	switch {
	case i < dummy:
		return 0, s.compacted("term of entry", i)
	case i > s.lastIndex():
		if s.defect == hasATermBeyondTheEnd {
			return 0, nil
		}
		return 0, s.unavailable("term of entry", i)
	case i == dummy && s.defect == takesTheDummyForCompacted && i > 0:
		return 0, raft.ErrCompacted
	}
	return s.ents[i-dummy].GetTerm(), nil
}

func (s *toy) Entries(lo, hi, maxSize uint64) ([]*raftpb.Entry, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	dummy := s.ents[0].GetIndex()
	switch {
	case lo <= dummy:
		return nil, s.compacted("entry", lo)
	case hi > s.lastIndex()+1:
		if s.defect == returnsWhatIsThere && lo <= s.lastIndex() {
			hi = s.lastIndex() + 1
			break
		}
		return nil, s.unavailable("entry", hi-1)
	}
	if s.defect == startsOneLate && hi-lo > 1 {
		lo++
	}
	ents := s.ents[lo-dummy : hi-dummy]
	n := s.limit(ents, maxSize)
	if s.defect == handsOutItsOwnSlice {
		return ents[:n], nil
	}
	return ents[:n:n], nil
}

// limit returns how many of the entries have maxSize bytes together, but one at least.
func (s *toy) limit(ents []*raftpb.Entry, maxSize uint64) int {
	var size uint64
	for i, ent := range ents {
		size += uint64(proto.Size(ent))
		if s.defect == countsOnlyTheData {
			size -= uint64(proto.Size(ent) - len(ent.GetData()))
		}
		over := size > maxSize
		switch s.defect {
		case leavesOutWhatFitsExactly:
			over = size >= maxSize
		case takesOneTooMany:
			over = size-uint64(proto.Size(ent)) > maxSize
		case comparesSigned:
			over = int64(size) > int64(maxSize)
		case returnsNoneIfTheFirstIsTooLarge:
			if over {
				return i
			}
		}
		if over && i > 0 {
			return i
		}
	}
	return len(ents)
}

func (s *toy) Snapshot() (*raftpb.Snapshot, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return proto.CloneOf(s.snap), nil
}
