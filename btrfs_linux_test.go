package wal

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// btrfsDisk mounts a btrfs of 128 MiB, which takes root, a loop device and mkfs.btrfs.
func btrfsDisk(t *testing.T) (mount string) {
	t.Helper()
	mkfs, err := exec.LookPath("mkfs.btrfs")
	if err != nil || os.Getuid() != 0 {
		t.Skip("needs root and mkfs.btrfs")
	}
	image := filepath.Join(t.TempDir(), "image")
	mount = t.TempDir()
	f, err := os.Create(image)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(128<<20))
	require.NoError(t, f.Close())
	out, err := exec.Command(mkfs, "-q", image).CombinedOutput()
	require.NoError(t, err, "%s", out)
	if out, err := exec.Command("mount", "-o", "loop", image, mount).CombinedOutput(); err != nil {
		t.Skipf("needs the right to mount a file system: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", mount).Run(); err != nil {
			syscall.Unmount(mount, syscall.MNT_DETACH)
		}
	})
	return mount
}

// fillDisk writes to files until not a block is left.
func fillDisk(t *testing.T, dir string) {
	t.Helper()
	for _, size := range []int{1 << 20, 4096} {
		f, err := os.Create(filepath.Join(dir, "ballast"+string(rune('0'+size%7))))
		require.NoError(t, err)
		for err == nil {
			if _, err = f.Write(make([]byte, size)); err == nil {
				err = f.Sync()
			}
		}
		require.ErrorIs(t, err, syscall.ENOSPC)
		f.Close()
	}
}

// On a full btrfs a log opens, although there is no space to write again what is there; a Purge
// makes room, and the log goes on.
func TestDiskFull_ABtrfsCanBePurged(t *testing.T) {
	mount := btrfsDisk(t)
	dir := filepath.Join(mount, "log")
	opts := []Option{WithSegmentSize(4 << 20)}
	w, err := Create(nil, dir, nil, opts...)
	require.NoError(t, err)
	require.True(t, w.tailSegment().file.CopyOnWrite())
	payload := make([]byte, 100<<10)
	for w.Stats().Cuts < 5 {
		last := w.LastIndex()
		ents := entries(last+1, last+1)
		ents[0] = entry(1, last+1, string(payload))
		require.NoError(t, w.SaveEntry(ents))
	}
	last := w.LastIndex()
	require.NoError(t, w.SaveSnap(at(last)))
	crash(w)
	fillDisk(t, mount)

	w, err = Open(nil, dir, nil, opts...)
	require.NoError(t, err)
	t.Logf("last segment without space: %v", w.bare)
	require.NoError(t, w.Release(at(last)))
	removed, err := w.Purge()
	require.NoError(t, err)
	require.Equal(t, 5, removed)
	require.NoError(t, w.SaveEntry(entries(last+1, last+1)))
	require.NoError(t, w.Close())
	w, err = Open(nil, dir, at(last), opts...)
	require.NoError(t, err)
	require.Equal(t, last+1, w.LastIndex())
	require.NoError(t, w.Close())
}
