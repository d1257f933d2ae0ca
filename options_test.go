package wal

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOptions_AreChecked(t *testing.T) {
	_, dir := newLog(t)
	for name, opt := range map[string]Option{
		"zero size":     WithSegmentSize(0),
		"negative size": WithSegmentSize(-1),
		"small size":    WithSegmentSize(MinSegmentSize - 1),
		"low mode":      WithPreallocation(-1),
		"high mode":     WithPreallocation(PreallocateNone + 1),
	} {
		fresh := filepath.Join(t.TempDir(), "log")
		_, err := Create(nil, fresh, nil, opt)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
		require.NoDirExists(t, fresh, name)
		_, err = Open(nil, dir, nil, opt)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
		_, err = OpenForRead(nil, dir, nil, opt)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
		_, err = Verify(nil, dir, opt)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
		_, err = Repair(nil, dir, opt)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
		_, err = ValidSnapshots(nil, dir, opt)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
	}
	w, err := Create(nil, filepath.Join(t.TempDir(), "log"), nil, nil, WithSegmentSize(MinSegmentSize),
		WithRegistry(nil), WithSlowSyncThreshold(-1))
	require.NoError(t, err)
	require.NoError(t, w.Close())
}

func TestOptions_TheSegmentSizeMayChangeBetweenOpens(t *testing.T) {
	w, dir := newLog(t)
	for _, size := range []int64{MinSegmentSize, 1 << 20, 8192, MinSegmentSize} {
		w = reopen(t, w, nil, WithSegmentSize(size))
		for range 10 {
			next := w.LastIndex() + 1
			require.NoError(t, w.SaveEntry(entries(next, next)))
		}
	}
	require.NoError(t, w.Close())
	require.Equal(t, entries(1, 40), readAll(t, dir, nil))
}
