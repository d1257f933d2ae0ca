package wal

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A log in memory lives the whole life of one on disk, and leaves nothing on it.
func TestInMemory_ALogLivesAsOnADisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	in := []Option{WithMemory(NewMemory()), WithSegmentSize(testSegment)}
	_, err := Open(nil, dir, nil, in...)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.False(t, Exist(dir, in...))
	w, err := Create(nil, dir, []byte("metadata"), in...)
	require.NoError(t, err)
	require.True(t, Exist(dir, in...))
	require.False(t, Exist(dir), "it is not on the disk")
	_, err = Open(nil, dir, nil, in...)
	require.ErrorIs(t, err, ErrLocked)
	_, err = Open(nil, dir, nil, WithMemory(NewMemory()))
	require.ErrorIs(t, err, fs.ErrNotExist, "another memory is another world")
	fillSegments(t, w, 5)
	last := w.LastIndex()
	require.NoError(t, w.SaveSnap(at(last-3)))
	require.NoError(t, w.Release(at(last-3)))
	removed, err := w.Purge()
	require.NoError(t, err)
	require.Positive(t, removed)
	w.Abandon() // a kill

	report, err := Verify(nil, dir, in...)
	require.NoError(t, err)
	require.Equal(t, last, report.LastIndex)
	w, err = Open(nil, dir, at(last-3), in...)
	require.NoError(t, err)
	_, _, ents, err := w.ReadAll()
	require.NoError(t, err)
	require.Equal(t, entries(last-2, last), ents)
	require.NoError(t, w.SaveEntry(entries(last+1, last+1)))
	require.NoError(t, w.Close())
	require.Equal(t, entries(last-2, last+1), readAll(t, dir, at(last-3), in...))
	_, err = os.Stat(dir)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestInMemory_NoneIsRefused(t *testing.T) {
	for _, m := range []*Memory{nil, {}} {
		_, err := Create(nil, filepath.Join(t.TempDir(), "log"), nil, WithMemory(m))
		require.ErrorIs(t, err, ErrInvalidArgument)
	}
}
