package wal

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// asNobody does the file operations of a function without root's rights. They must be
// done by the function's own goroutine.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() == 0 {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		require.NoError(t, syscall.Setfsuid(65534))
		defer syscall.Setfsuid(0)
	}
	f()
}

func TestBadInput_WithoutPermission(t *testing.T) {
	last := func(t *testing.T, dir string) string { return segmentsOf(t, dir)[3] }
	for name, tt := range map[string]struct {
		forbid func(t *testing.T, dir string) (allow func())
		reads  bool // a reader needs no more than is left
	}{
		"a directory that cannot be listed": {func(t *testing.T, dir string) func() {
			return chmod(t, dir, 0o300)
		}, false},
		"a directory that cannot be seen": {func(t *testing.T, dir string) func() {
			return chmod(t, filepath.Dir(dir), 0)
		}, false},
		"a segment that cannot be read": {func(t *testing.T, dir string) func() {
			return chmod(t, last(t, dir), 0o200)
		}, false},
		"a segment that cannot be written": {func(t *testing.T, dir string) func() {
			return chmod(t, last(t, dir), 0o400)
		}, true},
		"an old one that cannot be written": {func(t *testing.T, dir string) func() {
			return chmod(t, segmentsOf(t, dir)[0], 0o400)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir, want := strayLog(t)
			before := files(t, dir)
			giveAway(t, dir)
			allow := tt.forbid(t, dir)
			asNobody(t, func() {
				_, err := Open(nil, dir, nil)
				require.ErrorIs(t, err, ErrReadOnly)
				require.ErrorIs(t, err, os.ErrPermission)
				_, err = Repair(nil, dir)
				require.ErrorIs(t, err, ErrReadOnly)
			})
			if tt.reads {
				asNobody(t, func() { require.Equal(t, want, readAll(t, dir, nil)) })
			}
			allow()
			require.Equal(t, before, files(t, dir), "nothing is changed")
			openLog(t, dir, nil)
		})
	}
}

// chmod changes the mode of a file or directory until allow puts the old one back, at the latest
// at the end of the test.
func chmod(t *testing.T, path string, mode os.FileMode) (allow func()) {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(path, mode))
	t.Cleanup(func() { os.Chmod(path, info.Mode()) })
	return func() { require.NoError(t, os.Chmod(path, info.Mode())) }
}

// giveAway makes nobody the owner of a log and the directories that it is in.
func giveAway(t *testing.T, dir string) {
	t.Helper()
	for _, path := range append(listed(t, dir), dir, filepath.Dir(dir),
		filepath.Dir(filepath.Dir(dir))) {
		if err := os.Chown(path, 65534, -1); err != nil {
			require.NotZero(t, os.Getuid(), err) // then it is ours already
		}
	}
}

func TestBadInput_ADirectoryThatCannotBeWrittenCanBeRead(t *testing.T) {
	dir, want := strayLog(t)
	giveAway(t, dir)
	chmod(t, dir, 0o500)
	asNobody(t, func() {
		_, err := Create(nil, filepath.Join(dir, "log"), nil)
		require.ErrorIs(t, err, ErrReadOnly)
		require.Equal(t, want, readAll(t, dir, nil))
		_, err = Verify(nil, dir)
		require.NoError(t, err)
	})
}
