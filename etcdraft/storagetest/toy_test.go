package storagetest_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"

	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// toy is the least that passes all checks: a file with a frame for each change, which holds its
// length, its checksum and the change in JSON, and all of it again in memory. What need not be
// synced stays in memory until something else must be.
//
// It can have a defect on purpose.
type toy struct {
	defect defect
	file   *os.File
	behind []byte // frames that are yet to be written

	mu    sync.RWMutex
	reads int // since the toy was opened; only counted for a defect
	state
}

// state is what the frames add up to.
type state struct {
	hard *raftpb.HardState
	snap *raftpb.Snapshot
	ents []*raftpb.Entry // the first one is the dummy: an index and a term
}

// change is what a frame holds.
type change struct {
	Hard     []byte   `json:",omitempty"`
	Ents     [][]byte `json:",omitempty"`
	Received []byte   `json:",omitempty"` // a snapshot
	Created  []byte   `json:",omitempty"` // a snapshot
	Compact  uint64   `json:",omitempty"`
}

const headSize = 8

func newState() state {
	return state{
		hard: &raftpb.HardState{}, ents: []*raftpb.Entry{{}},
		snap: &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{ConfState: &raftpb.ConfState{}}},
	}
}

// openToy opens the toy in a directory. A frame that is torn ends the file.
func openToy(dir string, d defect) (*toy, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "log"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	s := &toy{file: file, state: newState()}
	s.defect = d
	all, err := io.ReadAll(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	end := 0
	for frame := whole(all); frame != nil; frame = whole(all[end:]) {
		if err := s.replay(frame[headSize:]); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		end += len(frame)
	}
	s.opened()
	_, err = file.Seek(int64(end), io.SeekStart)
	return s, errors.Join(err, file.Truncate(int64(end)))
}

// whole returns the first frame if it is intact.
func whole(b []byte) []byte {
	if len(b) < headSize {
		return nil
	}
	size := headSize + int(binary.LittleEndian.Uint32(b))
	if size > len(b) || binary.LittleEndian.Uint32(b[4:]) != crc32.ChecksumIEEE(b[headSize:size]) {
		return nil
	}
	return b[:size]
}

// replay takes in a frame.
func (s *toy) replay(frame []byte) error {
	var c change
	if err := json.Unmarshal(frame, &c); err != nil {
		return err
	}
	var rd raft.Ready
	decode := func(b []byte, m proto.Message) bool {
		if b == nil {
			return false
		}
		if err := proto.Unmarshal(b, m); err != nil {
			panic(err) // its checksum was right
		}
		return true
	}
	if hs := new(raftpb.HardState); decode(c.Hard, hs) {
		rd.HardState = hs
	}
	if snap := new(raftpb.Snapshot); decode(c.Received, snap) {
		rd.Snapshot = snap
	}
	for _, b := range c.Ents {
		ent := new(raftpb.Entry)
		decode(b, ent)
		rd.Entries = append(rd.Entries, ent)
	}
	s.replayReady(rd)
	if snap := new(raftpb.Snapshot); decode(c.Created, snap) {
		s.snap = snap
	}
	if c.Compact > 0 {
		s.compact(c.Compact)
	}
	return nil
}

// encode encodes what is there.
func encode[M proto.Message](m M) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err) // all of raft's messages can be encoded
	}
	return append([]byte{}, b...)
}

// write saves a change, at once if it must be synced. A file outlives the process, so the toy
// leaves it at that.
func (s *toy) write(c change, sync bool) error {
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	s.behind = binary.LittleEndian.AppendUint32(s.behind, uint32(len(body)))
	s.behind = binary.LittleEndian.AppendUint32(s.behind, crc32.ChecksumIEEE(body))
	s.behind = append(s.behind, body...)
	if !sync || s.defect == forgetsToSync {
		return nil
	}
	_, err = s.file.Write(s.behind)
	s.behind = nil
	return err
}

func (s *toy) Save(rd raft.Ready) error {
	var c change
	received := !raft.IsEmptySnap(rd.Snapshot)
	if received {
		if rd.Snapshot.GetMetadata().GetIndex() <= s.snap.GetMetadata().GetIndex() &&
			s.defect != takesAnOlderSnapshot {
			return raft.ErrSnapOutOfDate
		}
		c.Received = encode(rd.Snapshot)
	}
	if rd.HardState != nil {
		c.Hard = encode(s.toSave(rd.HardState))
	}
	for _, ent := range rd.Entries {
		c.Ents = append(c.Ents, encode(ent))
	}
	sync := rd.MustSync || received && s.defect != doesNotSyncASnapshot
	if err := s.writeReady(c, sync); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(rd)
	return nil
}

// take takes in a Ready.
func (s *toy) take(rd raft.Ready) {
	if !raft.IsEmptySnap(rd.Snapshot) {
		s.receive(rd.Snapshot)
	}
	if rd.HardState != nil {
		s.hard = proto.CloneOf(rd.HardState)
	} else if s.defect == forgetsAStateWithoutUpdate {
		s.hard = &raftpb.HardState{}
	}
	s.append(rd.Entries)
}

// receive replaces the log by a snapshot.
func (s *toy) receive(snap *raftpb.Snapshot) {
	md := snap.GetMetadata()
	kept := []*raftpb.Entry{{Index: new(md.GetIndex()), Term: new(md.GetTerm())}}
	first := s.ents[0].GetIndex()
	if s.defect == keepsWhatIsAboveASnapshot && md.GetIndex() < s.lastIndex() &&
		md.GetIndex() >= first {
		kept = append(kept, s.ents[md.GetIndex()-first+1:]...)
	}
	s.snap, s.ents = proto.CloneOf(snap), kept
}

// append takes in entries, in place of those from the first one on. What Entries has returned is
// not touched.
func (s *toy) append(ents []*raftpb.Entry) {
	if len(ents) == 0 {
		return
	}
	n := ents[0].GetIndex() - s.ents[0].GetIndex()
	switch {
	case s.defect == replacesInPlace:
		s.ents = append(s.ents[:n], ents...)
	case s.defect == keepsWhatIsBehindReplaced && n < uint64(len(s.ents)):
		rest := s.ents[min(n+uint64(len(ents)), uint64(len(s.ents))):]
		s.ents = append(append(s.ents[:n:n], ents...), rest...)
	case s.defect == showsTheEndTooEarly:
		s.showEarly(n, ents)
	default:
		s.ents = append(s.ents[:n:n], ents...)
	}
}

// compact drops the entries up to index, but for the dummy. What Entries has returned is not
// touched.
func (s *toy) compact(index uint64) {
	kept := s.ents[index-s.ents[0].GetIndex():]
	dummy := &raftpb.Entry{Index: new(index), Term: new(kept[0].GetTerm())}
	switch s.defect {
	case forgetsTheTermBeforeTheFirst:
		dummy.Term = new(uint64(0))
	case compactsInPlace:
		s.ents = append(s.ents[:0], kept...)
		s.ents[0] = dummy
		return
	}
	s.ents = append([]*raftpb.Entry{dummy}, kept[1:]...)
}

func (s *state) lastIndex() uint64 { return s.ents[0].GetIndex() + uint64(len(s.ents)) - 1 }

func (s *toy) CreateSnapshot(
	index uint64, cs *raftpb.ConfState, write func(io.Writer) error,
) error {
	if index <= s.snap.GetMetadata().GetIndex() && s.defect != takesAnOlderSnapshot {
		return raft.ErrSnapOutOfDate
	}
	var data bytes.Buffer
	if err := write(&data); err != nil && s.defect != ignoresAFailingWrite {
		return err
	}
	snap := &raftpb.Snapshot{Data: data.Bytes(), Metadata: &raftpb.SnapshotMetadata{
		Index: new(index), Term: new(s.ents[index-s.ents[0].GetIndex()].GetTerm()),
		ConfState: proto.CloneOf(cs),
	}}
	s.spoil(snap, cs)
	if err := s.write(change{Created: encode(snap)}, true); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snap = snap
	return nil
}

func (s *toy) Compact(index uint64) error {
	if index <= s.ents[0].GetIndex() {
		return s.compacted("compact", index)
	}
	if s.defect == compactsOneLess {
		index--
	}
	if err := s.write(change{Compact: index}, true); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compact(index)
	return nil
}

func (s *toy) Close() error {
	_, err := s.file.Write(s.behind)
	return errors.Join(err, s.file.Close())
}

// compacted and unavailable return raft's errors.
func (s *toy) compacted(what string, index uint64) error {
	if s.defect == wrapsErrCompacted {
		return fmt.Errorf("%s %d: %w", what, index, raft.ErrCompacted)
	}
	return raft.ErrCompacted
}

func (s *toy) unavailable(what string, index uint64) error {
	if s.defect == wrapsErrUnavailable {
		return fmt.Errorf("%s %d: %w", what, index, raft.ErrUnavailable)
	}
	return raft.ErrUnavailable
}
