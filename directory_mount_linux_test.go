package wal

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// A disk that is mounted over the directory hides it: its path names the root of that disk. It
// takes the right to mount, which root has.
func TestDirectory_ADiskMountedOverItGetsNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	last := busyLog(t, dir, "metadata")
	core, logs := observer.New(zap.WarnLevel)
	w, err := Open(zap.New(core), dir, nil, WithSegmentSize(testSegment), WithNoSync())
	require.NoError(t, err)
	defer w.Close()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("needs the right to mount a file system: %v", err)
	}
	mounted := true
	defer func() {
		if mounted {
			syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	}()
	_, ents := contentsOf(t, w)
	require.Equal(t, entries(1, last), ents)
	last = cutPurgeAndClose(t, w)
	require.Empty(t, files(t, dir), "what is mounted")
	require.Len(t, logs.FilterMessageSnippet("names another directory").All(), 1)

	require.NoError(t, syscall.Unmount(dir, 0))
	mounted = false
	w = openLog(t, dir, at(last))
	require.Equal(t, last, w.LastIndex())
}
