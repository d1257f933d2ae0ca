package wal

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// touchyData refuses to be decoded from "error", and panics in different ways.
type touchyData struct{ Data []byte }

func (d *touchyData) Marshal() ([]byte, error) { return d.Data, nil }
func (d *touchyData) Unmarshal(data []byte) error {
	switch string(data) {
	case "error":
		return errTouchy
	case "panic":
		panic("by the user's type")
	case "panic with error":
		panic(errTouchy)
	case "index":
		_ = data[len(data)]
	case "nil":
		(*d.self()).Data = nil
	}
	d.Data = bytes.Clone(data)
	return nil
}
func (d *touchyData) self() *touchyData { return nil }

var errTouchy = errors.New("not this one")

type (
	touchyEntry struct{ touchyData }
	touchyState struct{ touchyData }
	touchySnap  struct{ touchyData }
)

func (e *touchyEntry) GetIndex() uint64     { return 1 }
func (e *touchyEntry) Size() int            { return len(e.Data) }
func (s *touchyState) GetCommitted() uint64 { return 0 }
func (s *touchyState) Reset()               { s.Data = nil }
func (s *touchySnap) GetIndex() uint64      { return 0 }

// The same, but for an Unmarshal that takes everything: what these are read as when the log is
// written.
type (
	calmEntry struct{ touchyEntry }
	calmState struct{ touchyState }
	calmSnap  struct{ touchySnap }
)

func (e *calmEntry) Unmarshal(data []byte) error { e.Data = bytes.Clone(data); return nil }
func (s *calmState) Unmarshal(data []byte) error { s.Data = bytes.Clone(data); return nil }
func (s *calmSnap) Unmarshal(data []byte) error  { s.Data = bytes.Clone(data); return nil }

// The bug: the library called its MustUnmarshal, so a record that the user's
// type refuses took the process down.
func TestKnownBug_UnmarshalFailureTakesTheProcessDown(t *testing.T) {
	reg := log.NewRegistry()
	reg.Register(log.EntryType, &touchyEntry{})
	reg.Register(log.StateType, &touchyState{})
	reg.Register(log.SnapshotType, &touchySnap{})
	calm := log.NewRegistry()
	calm.Register(log.EntryType, &calmEntry{})
	calm.Register(log.StateType, &calmState{})
	calm.Register(log.SnapshotType, &calmSnap{})
	for _, how := range []string{"error", "panic", "panic with error", "index", "nil"} {
		data := touchyData{Data: []byte(how)}
		for kind, save := range map[string]func(*WAL) error{
			"entry":    func(w *WAL) error { return w.SaveEntry([]log.LogEntry{&touchyEntry{data}}) },
			"state":    func(w *WAL) error { return w.SaveState(&touchyState{data}) },
			"snapshot": func(w *WAL) error { return w.SaveSnap(&touchySnap{data}) },
		} {
			t.Run(kind+" "+how, func(t *testing.T) {
				w, dir := newLog(t, WithRegistry(reg))
				require.ErrorIs(t, save(w), ErrEncode, "it could not be read back")
				w = reopen(t, w, nil, WithRegistry(calm))
				require.NoError(t, save(w))
				require.NoError(t, w.Close())
				before := files(t, dir)
				_, err := Open(nil, dir, nil, WithRegistry(reg))
				require.ErrorIs(t, err, ErrDecode)
				require.ErrorContains(t, err, kind)
				require.NotErrorIs(t, err, ErrCorrupt, "the bytes are intact")
				_, err = OpenForRead(nil, dir, nil, WithRegistry(reg))
				require.ErrorIs(t, err, ErrDecode)
				_, err = Verify(nil, dir, WithRegistry(reg))
				require.ErrorIs(t, err, ErrDecode)
				if how == "error" {
					require.ErrorIs(t, err, errTouchy)
				}
				// There is nothing to repair. Repair need not decode states to know that.
				if _, err = Repair(nil, dir, WithRegistry(reg), WithTruncateCorruption()); kind != "state" {
					require.ErrorIs(t, err, ErrDecode)
				}
				require.Equal(t, before, files(t, dir))
			})
		}
	}
}

// voteState is a state with nothing but what its fields say: no IsEmpty.
type voteState struct {
	Committed, Term, Vote uint64
	Peers                 []string
}

func (s *voteState) Marshal() ([]byte, error) { return json.Marshal(s) }
func (s *voteState) Unmarshal(data []byte) error {
	*s = voteState{}
	return json.Unmarshal(data, s)
}
func (s *voteState) GetCommitted() uint64 { return s.Committed }
func (s *voteState) Reset()               { *s = voteState{} }

// The bug: a state counted as empty when its committed index was 0, and was
// not saved: a vote was forgotten, and could be given twice.
func TestKnownBug_StateWithoutCommitIsDropped(t *testing.T) {
	custom := log.NewRegistry()
	custom.Register(log.StateType, &voteState{})
	tests := map[string]struct {
		st  log.HardState
		reg *log.Registry
	}{
		"custom, all zero":      {&voteState{}, custom},
		"custom, term and vote": {&voteState{Term: 2, Vote: 3}, custom},
		"custom, other fields":  {&voteState{Peers: []string{"a"}}, custom},
		"default, term":         {&walpb.HardState{Term: 2}, nil},
		"default, vote":         {&walpb.HardState{Vote: 3}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, _ := newLog(t, WithRegistry(tt.reg))
			before := tailOf(w).off
			require.NoError(t, w.SaveState(tt.st))
			require.Greater(t, tailOf(w).off, before)
			require.Equal(t, tt.st, w.State())
			w = reopen(t, w, nil, WithRegistry(tt.reg))
			require.Equal(t, tt.st, w.State())
			fillSegments(t, w, 1)
			require.NoError(t, release(w, at(w.LastIndex())))
			removed, err := w.Purge()
			require.NoError(t, err)
			require.Equal(t, 1, removed)
			w = reopen(t, w, nil, WithRegistry(tt.reg))
			require.Equal(t, tt.st, w.State())
		})
	}
}

// loneState is a state that knows nothing of commits, and can be neither empty nor unsynced.
type loneState struct{ walpb.HardState }

func (s *loneState) IsEmpty() bool        { return false }
func (s *loneState) GetCommitted() uint64 { return 0 }

// The bug: only a state saved since the open was written at the head of new
// segments. With none saved, purging deleted the last copy.
func TestKnownBug_StateLostByCutAndPurge(t *testing.T) {
	custom := log.NewRegistry()
	custom.Register(log.StateType, &loneState{})
	tests := map[string]struct {
		st   log.HardState
		opts []Option
	}{
		"trailered":    {&walpb.HardState{Term: 3, Vote: 2, Commit: 1}, nil},
		"etcd format":  {&walpb.HardState{Term: 3, Vote: 2, Commit: 1}, []Option{WithEtcdFormat()}},
		"custom state": {&loneState{walpb.HardState{Vote: 7}}, []Option{WithRegistry(custom)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, dir := newLog(t, tt.opts...)
			require.NoError(t, w.Save(tt.st, entries(1, 1)))
			w = reopen(t, w, nil, tt.opts...)
			fillSegments(t, w, 2)
			snap := at(w.LastIndex())
			require.NoError(t, w.SaveSnap(snap))
			require.NoError(t, w.Release(snap))
			removed, err := w.Purge()
			require.NoError(t, err)
			require.Equal(t, 2, removed)
			w = reopen(t, w, snap, tt.opts...)
			require.Equal(t, tt.st, w.State())
			st, _ := contentsOf(t, w)
			require.Equal(t, tt.st, st)
			require.Len(t, segmentsOf(t, dir), 1)
		})
	}
}
