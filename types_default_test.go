package wal_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// CustomEntry is the entry of the reference example.
type CustomEntry struct {
	Index uint64
	Value string
}

func (e *CustomEntry) Marshal() (data []byte, err error) { return json.Marshal(e) }
func (e *CustomEntry) Unmarshal(data []byte) error       { return json.Unmarshal(data, e) }
func (e *CustomEntry) GetIndex() uint64                  { return e.Index }
func (e *CustomEntry) Size() (n int)                     { return len(e.Value) + 24 }

// The reference example: a custom entry in the default registry, saved, closed,
// opened at the empty snapshot and read back equal, through Storage.
func TestTypes_OfAUserInTheDefaultRegistryThroughStorage(t *testing.T) {
	log.RegisterRecord(log.EntryType, log.LogEntry(&CustomEntry{}))
	// The registry is the whole process's: give it back what it had.
	defer log.RegisterRecord(log.EntryType, &walpb.Entry{})

	dir := t.TempDir()
	ents := []log.LogEntry{
		&CustomEntry{Index: 1, Value: "first"},
		&CustomEntry{Index: 2, Value: ""},
		&CustomEntry{Index: 3, Value: "third"},
	}
	w, err := wal.Create(nil, dir, []byte("metadata"))
	require.NoError(t, err)
	var s wal.Storage = w
	require.NoError(t, s.SaveEntry(ents[:1]))
	require.NoError(t, s.Save(&walpb.HardState{Term: 1, Vote: 2, Commit: 1}, ents[1:]))
	require.NoError(t, s.SaveSnap(&walpb.Snapshot{Index: 1, Term: 1}))
	require.NoError(t, s.SaveState(&walpb.HardState{Term: 1, Vote: 2, Commit: 3}))
	require.NoError(t, s.Sync())
	require.NoError(t, s.Release(&walpb.Snapshot{Index: 1, Term: 1}))
	require.NoError(t, s.Close())

	w, err = wal.Open(nil, dir, &walpb.Snapshot{})
	require.NoError(t, err)
	metadata, st, got, err := w.ReadAll()
	require.NoError(t, err)
	require.Equal(t, "metadata", string(metadata))
	require.Equal(t, &walpb.HardState{Term: 1, Vote: 2, Commit: 3}, st)
	require.Equal(t, ents, got)
	s = w
	require.NoError(t, s.SaveEntry([]log.LogEntry{&CustomEntry{Index: 4, Value: "later"}}))
	require.NoError(t, s.Close())

	w, err = wal.Open(nil, dir, &walpb.Snapshot{Index: 1, Term: 1})
	require.NoError(t, err)
	_, _, got, err = w.ReadAll()
	require.NoError(t, err)
	require.Equal(t, append(ents[1:], &CustomEntry{Index: 4, Value: "later"}), got)
	require.NoError(t, w.Close())
}
