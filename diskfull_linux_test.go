package wal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// smallDisk mounts a file system of a megabyte in memory, which takes root.
func smallDisk(t *testing.T) (mount string) {
	t.Helper()
	mount = t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("needs the right to mount a file system: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(mount, syscall.MNT_DETACH) })
	return mount
}

// A disk that is really full.
func TestDiskFull_NothingAcknowledgedIsLost(t *testing.T) {
	for name, opts := range map[string][]Option{
		"zeros":   {WithSegmentSize(100 << 10)},
		"reserve": {WithSegmentSize(100 << 10), WithPreallocation(PreallocateReserve)},
		"none":    {WithSegmentSize(100 << 10), WithPreallocation(PreallocateNone)},
		"no sync": {WithSegmentSize(100 << 10), WithNoSync()},
	} {
		t.Run(name, func(t *testing.T) {
			mount := smallDisk(t)
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
			require.Greater(t, acked, uint64(1000))
			if name == "none" { // the write itself was the first to find the disk full
				require.ErrorIs(t, err, ErrFailed)
				require.ErrorIs(t, w.SaveEntry(entries(1, 1)), ErrFailed, "nothing goes on after it")
				require.ErrorIs(t, w.Close(), ErrFailed)
			} else {
				require.ErrorIs(t, err, ErrShortage)
				require.ErrorIs(t, w.SaveEntry(entries(acked+1, acked+300)), ErrShortage,
					"as long as it is full")
				requireGoesOnWithRoom(t, w, mount, acked)
				require.NoError(t, w.Close())
			}
			require.NoFileExists(t,
				filepath.Join(w.dir.Path(), fmt.Sprintf("%d.tmp", w.tailSegment().seq+1)))

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

// requireGoesOnWithRoom makes sure that a log on a full disk takes saves once there is room, and
// makes the disk full again.
func requireGoesOnWithRoom(t *testing.T, w *WAL, mount string, last uint64) {
	t.Helper()
	require.NoError(t, syscall.Mount("tmpfs", mount, "tmpfs", syscall.MS_REMOUNT, "size=2m"))
	require.NoError(t, w.SaveEntry(entries(last+1, last+300)))
	require.NoError(t, w.TruncateBack(last))
	ballast, err := os.Create(filepath.Join(mount, "ballast"))
	require.NoError(t, err)
	defer ballast.Close()
	for err == nil {
		_, err = ballast.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
}

// The same with savers beside each other, small segments, so that the disk is full
// in the middle of a cut as well as of a save, and again and again: each time some
// room is made by deleting something else.
func TestDiskFull_UnderConcurrentSaversAgainAndAgain(t *testing.T) {
	for _, p := range []Preallocation{PreallocateZero, PreallocateReserve, PreallocateNone} {
		t.Run(fmt.Sprintf("preallocation %d", p), func(t *testing.T) {
			mount := smallDisk(t)
			const ballasts = 4
			ballast := func(i int) string { return filepath.Join(mount, fmt.Sprintf("ballast %d", i)) }
			for i := range ballasts {
				require.NoError(t, os.WriteFile(ballast(i), make([]byte, 150<<10), 0o600))
			}
			dir := filepath.Join(mount, "log")
			opts := []Option{WithSegmentSize(24 << 10), WithPreallocation(p)}
			w, err := Create(nil, dir, nil, opts...)
			require.NoError(t, err)
			acked := uint64(0)
			for i := range ballasts {
				acked = max(acked, saveUntilFull(t, w))
				failed := w.sticky.err() != nil
				if failed {
					require.ErrorIs(t, w.Close(), ErrFailed)
				}
				got := readAll(t, dir, nil)
				require.GreaterOrEqual(t, uint64(len(got)), acked, "full for time %d", i+1)
				require.Zero(t, len(got)%3, "half a save")
				require.NoError(t, os.Remove(ballast(i)))
				if failed {
					w, err = Open(nil, dir, nil, opts...)
					require.NoError(t, err)
				}
				require.EqualValues(t, len(got), w.LastIndex())
			}
			cuts := len(segmentsOf(t, dir)) - 1
			require.Greater(t, cuts, 10)
			t.Logf("%d entries acknowledged, %d cuts, %d times full", acked, cuts, ballasts)
			require.NoError(t, w.Close())
			_, err = Verify(nil, dir)
			require.NoError(t, err)
		})
	}
}

// saveUntilFull saves three entries at a time from four goroutines until all have
// got the error of a full disk, and returns the last index acknowledged.
func saveUntilFull(t *testing.T, w *WAL) uint64 {
	a := &orderly{w: w, last: w.LastIndex()}
	var acked atomic.Uint64
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for {
				last, err := a.save(3, "a payload of some bytes, so that the disk fills")
				if err != nil {
					if !errors.Is(err, ErrFailed) && !errors.Is(err, ErrShortage) ||
						!errors.Is(err, syscall.ENOSPC) {
						t.Error("not the error of a full disk:", err)
					}
					return
				}
				raise(&acked, last)
			}
		})
	}
	wait.Wait()
	return acked.Load()
}
