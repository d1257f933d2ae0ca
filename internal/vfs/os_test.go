package vfs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// openDir opens a directory until the end of the test.
func openDir(t *testing.T, path string) vfs.Dir {
	t.Helper()
	d, err := vfs.OS{}.OpenDir(path)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

func TestLockIsExclusiveAndEndsWithClose(t *testing.T) {
	const name = "f"
	fsys := openDir(t, t.TempDir())
	_, err := fsys.OpenLocked(name)
	require.ErrorIs(t, err, fs.ErrNotExist)

	f, err := fsys.CreateLocked(name)
	require.NoError(t, err)
	_, err = fsys.CreateLocked(name)
	require.ErrorIs(t, err, vfs.ErrLocked)
	_, err = fsys.OpenLocked(name)
	require.ErrorIs(t, err, vfs.ErrLocked)

	r, err := fsys.OpenRead(name)
	require.NoError(t, err, "a reader needs no lock")
	require.NoError(t, r.Close())
	_, err = fsys.OpenLocked(name)
	require.ErrorIs(t, err, vfs.ErrLocked, "closing another handle keeps the lock")

	require.NoError(t, f.Close())
	f, err = fsys.OpenLocked(name)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestCreateLockedKeepsContentAndCreateNewRefusesIt(t *testing.T) {
	fsys := openDir(t, t.TempDir())
	const name = "f"
	require.NoError(t, os.WriteFile(filepath.Join(fsys.Path(), name), []byte("kept"), 0o600))
	f, err := fsys.CreateLocked(name)
	require.NoError(t, err)
	size, err := f.Size()
	require.NoError(t, err)
	require.EqualValues(t, 4, size)
	require.NoError(t, f.Close())
	_, err = fsys.CreateNew(name)
	require.ErrorIs(t, err, fs.ErrExist)
}

func TestReserveGrowsWithZerosAndNeverShrinks(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	f, err := openDir(t, filepath.Dir(name)).CreateNew("f")
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte("data"), 0)
	require.NoError(t, err)
	require.NoError(t, f.Reserve(10_000))
	require.NoError(t, f.Reserve(5_000))
	require.NoError(t, f.Datasync())
	require.NoError(t, f.Sync())
	got, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, append([]byte("data"), make([]byte, 9_996)...), got)
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

func TestDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	var fsys vfs.OS
	is, err := fsys.IsDir(dir)
	require.NoError(t, err)
	require.False(t, is)
	require.NoError(t, fsys.Mkdir(dir))
	require.NoError(t, fsys.SyncDir(dir))
	is, err = fsys.IsDir(dir)
	require.NoError(t, err)
	require.True(t, is)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())

	d := openDir(t, dir)
	for _, n := range []string{"b", "a", "c"} {
		f, err := d.CreateNew(n)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	require.NoError(t, d.Rename("c", "0"))
	require.NoError(t, d.Remove("b"))
	require.NoError(t, d.Sync())
	names, err := d.List()
	require.NoError(t, err)
	require.Equal(t, []string{"0", "a"}, names)

	_, err = fsys.IsDir(filepath.Join(dir, "a"))
	require.ErrorContains(t, err, "not a directory")
	_, err = fsys.OpenDir(filepath.Join(dir, "missing"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Error(t, fsys.SyncDir(filepath.Join(dir, "missing")))
}

func TestDataPassesOverWhatIsOnlyReserved(t *testing.T) {
	f, err := openDir(t, t.TempDir()).CreateNew("f")
	require.NoError(t, err)
	defer f.Close()
	const size, at = 1 << 20, 1 << 19
	require.NoError(t, f.Reserve(size))
	_, err = f.WriteAt([]byte("data"), at)
	require.NoError(t, err)
	syncs := map[string]func() error{"written": func() error { return nil }, "synced": f.Sync}
	for name, sync := range syncs {
		require.NoError(t, sync())
		start, end, err := f.Data(0)
		require.NoError(t, err)
		require.True(t, start <= at && at+4 <= end && end <= size, "%s: %d to %d", name, start, end)
		start, end, err = f.Data(end)
		require.NoError(t, err)
		require.True(t, start == size && end == size || runtime.GOOS != "linux",
			"%s: %d to %d behind the data", name, start, end)
	}
	start, end, err := f.Data(2 * size)
	require.NoError(t, err)
	require.EqualValues(t, size, start)
	require.EqualValues(t, size, end)
}
