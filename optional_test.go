package wal

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// The types below embed a default type for most of what they need, and have a field
// more, of which only their Marshal and Unmarshal know.

type taggedEntry struct {
	walpb.Entry
	Tag uint64
}

func (e *taggedEntry) Marshal() ([]byte, error)    { return tagged(&e.Entry, e.Tag) }
func (e *taggedEntry) Unmarshal(data []byte) error { return untag(&e.Entry, &e.Tag, data) }

type taggedState struct {
	walpb.HardState
	Tag uint64
}

func (s *taggedState) Marshal() ([]byte, error)    { return tagged(&s.HardState, s.Tag) }
func (s *taggedState) Unmarshal(data []byte) error { return untag(&s.HardState, &s.Tag, data) }

type taggedSnapshot struct {
	walpb.Snapshot
	Tag uint64
}

func (s *taggedSnapshot) Marshal() ([]byte, error)    { return tagged(&s.Snapshot, s.Tag) }
func (s *taggedSnapshot) Unmarshal(data []byte) error { return untag(&s.Snapshot, &s.Tag, data) }

func tagged(rec log.RecordData, tag uint64) ([]byte, error) {
	data, err := rec.Marshal()
	return append(binary.LittleEndian.AppendUint64(nil, tag), data...), err
}

func untag(rec log.RecordData, tag *uint64, data []byte) error {
	if len(data) < 8 {
		return errors.New("no tag")
	}
	*tag = binary.LittleEndian.Uint64(data)
	return rec.Unmarshal(data[8:])
}

// A type that embeds a default one gets its AppendBinary, ReadIndex, UnmarshalShared and
// IsEmpty, which know nothing of the field more. It must not be lost by that.
func TestOptional_AFieldMoreThanTheEmbeddedTypeHasIsNeverDropped(t *testing.T) {
	reg := log.NewRegistry()
	reg.Register(log.EntryType, (*taggedEntry)(nil))
	reg.Register(log.StateType, (*taggedState)(nil))
	reg.Register(log.SnapshotType, (*taggedSnapshot)(nil))
	w, _ := newLog(t, WithRegistry(reg))
	want := []log.LogEntry{
		&taggedEntry{walpb.Entry{Index: 1, Term: 1, Data: []byte("data")}, 11},
		&taggedEntry{walpb.Entry{Index: 2, Term: 1}, 12},
	}
	st := &taggedState{Tag: 13} // all that it embeds is empty
	require.NoError(t, w.Save(st, want))
	require.NoError(t, w.SaveSnap(&taggedSnapshot{walpb.Snapshot{Index: 2, Term: 1}, 14}))
	for range 2 {
		gotState, got := contentsOf(t, w)
		require.Equal(t, want, got)
		require.Equal(t, st, gotState)
		require.Equal(t, uint64(14), w.Snapshot().(*taggedSnapshot).Tag)
		one, err := w.Entry(2)
		require.NoError(t, err)
		require.Equal(t, want[1], one)
		w = reopen(t, w, nil, WithRegistry(reg))
	}
}

// taggedLazyState embeds a state that need not be synced while its commit index stays the same.
type taggedLazyState struct {
	patientState
	Tag uint64
}

type patientState struct{ walpb.HardState }

func (s *patientState) MustSync(prev log.HardState) bool {
	return prev == nil || s.GetCommitted() != prev.GetCommitted()
}

func (s *taggedLazyState) Marshal() ([]byte, error)    { return tagged(&s.HardState, s.Tag) }
func (s *taggedLazyState) Unmarshal(data []byte) error { return untag(&s.HardState, &s.Tag, data) }

func TestOptional_AFieldMoreThanTheEmbeddedTypeHasIsDurableAtOnce(t *testing.T) {
	reg := log.NewRegistry()
	reg.Register(log.StateType, (*taggedLazyState)(nil))
	w, _ := newLog(t, WithRegistry(reg))
	for tag := range uint64(3) {
		before := w.Stats().Syncs
		require.NoError(t, w.SaveState(&taggedLazyState{Tag: tag}))
		require.Equal(t, before+1, w.Stats().Syncs, "tag %d", tag)
	}
	w = reopen(t, w, nil, WithRegistry(reg))
	require.Equal(t, uint64(2), w.State().(*taggedLazyState).Tag)
}
