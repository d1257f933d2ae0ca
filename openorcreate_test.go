package wal

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpenOrCreate_MakesALogOnceAndThenOpensIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "log")
	for i := uint64(1); i <= 3; i++ {
		w, err := OpenOrCreate(nil, dir, []byte("metadata"), WithSegmentSize(testSegment))
		require.NoError(t, err)
		require.Equal(t, i-1, w.LastIndex())
		require.NoError(t, w.SaveEntry(entries(i, i)))
		require.NoError(t, w.Close())
	}
	w, err := OpenOrCreate(nil, dir, nil)
	require.NoError(t, err, "nil takes any metadata")
	require.Equal(t, []byte("metadata"), w.Metadata())
	require.NoError(t, w.Close())
}

func TestOpenOrCreate_RefusesALogOfOthers(t *testing.T) {
	w, dir := newLog(t)
	_, err := OpenOrCreate(nil, dir, []byte("metadata"))
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, w.Close())
	before := files(t, dir)
	for _, other := range []string{"", "other"} {
		_, err = OpenOrCreate(nil, dir, []byte(other))
		require.ErrorIs(t, err, ErrOtherMetadata)
		require.ErrorContains(t, err, dir)
	}
	require.Len(t, files(t, dir), len(before))
	openLog(t, dir, nil)

	_, err = OpenOrCreate(nil, dir, nil, WithSegmentSize(1))
	require.ErrorIs(t, err, ErrInvalidArgument)
	damaged, _ := newLog(t)
	require.NoError(t, damaged.SaveEntry(entries(1, 9)))
	require.NoError(t, damaged.Close())
	patch(t, segmentsOf(t, damaged.dir.Path())[0], 400, []byte("damage"), func() {
		_, err = OpenOrCreate(nil, damaged.dir.Path(), nil)
		require.ErrorIs(t, err, ErrCorrupt, "a damaged log is not replaced by a new one")
	})
}

// Of many that come at once one gets the log, and the others are told that it is in use.
func TestOpenOrCreate_ByManyAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	var wait sync.WaitGroup
	logs := make([]*WAL, 8)
	errs := make([]error, len(logs))
	for i := range logs {
		wait.Go(func() {
			logs[i], errs[i] = OpenOrCreate(nil, dir, []byte("metadata"), WithSegmentSize(testSegment))
		})
	}
	wait.Wait()
	got := 0
	for i, w := range logs {
		if errs[i] == nil {
			got++
			require.NoError(t, w.Close())
			continue
		}
		require.True(t, errors.Is(errs[i], ErrLocked) && !errors.Is(errs[i], fs.ErrNotExist), "%v",
			errs[i])
	}
	require.Equal(t, 1, got)
}
