package wal

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A disk that is really full: a file system of a megabyte in memory, which takes
// root to mount.
func TestARealFullDiskLosesNothingAcknowledged(t *testing.T) {
	for name, opts := range map[string][]Option{
		"zeros":   {WithSegmentSize(100 << 10)},
		"reserve": {WithSegmentSize(100 << 10), WithPreallocation(PreallocateReserve)},
		"none":    {WithSegmentSize(100 << 10), WithPreallocation(PreallocateNone)},
		"no sync": {WithSegmentSize(100 << 10), WithNoSync()},
	} {
		t.Run(name, func(t *testing.T) {
			mount := t.TempDir()
			if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=1m"); err != nil {
				t.Skipf("needs the right to mount a file system: %v", err)
			}
			t.Cleanup(func() { syscall.Unmount(mount, syscall.MNT_DETACH) })
			dir := filepath.Join(mount, "log")
			w, err := Create(nil, dir, nil, opts...)
			require.NoError(t, err)
			acked := uint64(0)
			for err == nil && acked < 1_000_000 {
				if err = w.SaveEntry(entries(acked+1, acked+3)); err == nil {
					acked += 3
				}
			}
			require.ErrorIs(t, err, syscall.ENOSPC)
			require.ErrorIs(t, err, ErrFailed)
			require.Greater(t, acked, uint64(1000))
			require.ErrorIs(t, w.SaveEntry(entries(1, 1)), ErrFailed, "nothing goes on after it")
			require.ErrorIs(t, w.Close(), ErrFailed)
			require.NoFileExists(t, w.pipeline.tmpPath(w.tailSegment().seq+1))

			// Still full: reading works, and so does opening, if there is a way at all.
			require.Equal(t, entries(1, acked), readAll(t, dir, nil)[:acked])
			if w, err = Open(nil, dir, nil, opts...); err == nil {
				err = w.Close() // it may find no room for its mark
			}
			require.True(t, err == nil || errors.Is(err, syscall.ENOSPC), "%v", err)
			// With room again, all of it goes on.
			require.NoError(t, syscall.Mount("tmpfs", mount, "tmpfs", syscall.MS_REMOUNT, "size=4m"))
			w, err = Open(nil, dir, nil, opts...)
			require.NoError(t, err)
			last := w.LastIndex()
			require.GreaterOrEqual(t, last, acked)
			require.NoError(t, w.SaveEntry(entries(last+1, last+1000)))
			require.NoError(t, w.Close())
			require.Equal(t, entries(1, last+1000), readAll(t, dir, nil))
		})
	}
}
