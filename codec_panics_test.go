package wal

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
)

// moody is an entry whose methods panic once it has been decoded, in a bad mood.
type moody struct {
	customEntry
	decoded bool
}

var badMood atomic.Bool

func (e *moody) Unmarshal(data []byte) error {
	e.decoded = true
	return e.customEntry.Unmarshal(data)
}

func (e *moody) GetIndex() uint64 {
	if e.decoded && badMood.Load() {
		panic("not today")
	}
	return e.Index
}

func TestCodec_AnEntryThatPanicsAfterDecodingIsAnErrorEverywhere(t *testing.T) {
	dir := t.TempDir()
	reg := log.NewRegistry()
	reg.Register(log.EntryType, &moody{})
	w, err := Create(nil, dir, nil, WithRegistry(reg))
	require.NoError(t, err)
	require.NoError(t, w.SaveEntry(
		[]log.LogEntry{&moody{customEntry: customEntry{Index: 1, Value: "x"}}}))
	badMood.Store(true)
	defer badMood.Store(false)
	_, err = w.Entry(1)
	require.ErrorIs(t, err, ErrDecode)
	require.ErrorContains(t, err, "not today")
	_, _, _, err = w.ReadAll()
	require.ErrorIs(t, err, ErrDecode)
	require.NoError(t, w.Close())
	_, err = Open(nil, dir, nil, WithRegistry(reg))
	require.ErrorIs(t, err, ErrDecode)
	_, err = OpenForRead(nil, dir, nil, WithRegistry(reg))
	require.ErrorIs(t, err, ErrDecode)
	_, err = Verify(nil, dir, WithRegistry(reg))
	require.ErrorIs(t, err, ErrDecode)
	require.Len(t, readAll(t, dir, nil, WithRegistry(customRegistry())), 1, "the log is unharmed")
}
