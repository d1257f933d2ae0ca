package faultfs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/memfs"
	"github.com/seed449c39bc/wal/internal/vfs"
)

var errFault = errors.New("a fault")

// opened closes what a call has opened.
func opened(f interface{ Close() error }, err error) error {
	if err == nil {
		f.Close()
	}
	return err
}

// callsOf returns every call that an FS notes, by kind. Each can be made once.
func callsOf(f *faultfs.FS, d vfs.Dir, file vfs.File) map[faultfs.Kind]func() error {
	return map[faultfs.Kind]func() error{
		faultfs.OpenDir:    func() error { return opened(f.OpenDir("dir")) },
		faultfs.OpenRead:   func() error { return opened(d.OpenRead("file")) },
		faultfs.OpenLocked: func() error { return opened(d.OpenLocked("other")) },
		faultfs.Create:     func() error { return opened(d.CreateNew("new")) },
		faultfs.Rename:     func() error { return d.Rename("other", "renamed") },
		faultfs.Remove:     func() error { return d.Remove("gone") },
		faultfs.List:       func() error { _, err := d.List(); return err },
		faultfs.Mkdir:      func() error { return f.Mkdir("made") },
		faultfs.SyncDir:    func() error { return d.Sync() },
		faultfs.Read:       func() error { _, err := file.ReadAt(make([]byte, 1), 0); return err },
		faultfs.Write:      func() error { _, err := file.WriteAt([]byte("abcd"), 0); return err },
		faultfs.Truncate:   func() error { return file.Truncate(4) },
		faultfs.Reserve:    func() error { return file.Reserve(4) },
		faultfs.Datasync:   func() error { return file.Datasync() },
		faultfs.Sync:       func() error { return file.Sync() },
		faultfs.Close:      func() error { return opened(d.OpenRead("file")) },
	}
}

// newDir returns a directory with a few files on a simulated disk, one of them open.
func newDir(t *testing.T) (f *faultfs.FS, d vfs.Dir, file vfs.File) {
	f = faultfs.On(crashfs.New(crashfs.Image{
		"dir/": nil, "dir/file": []byte("0123"), "dir/other": nil, "dir/gone": nil,
	}))
	d, err := f.OpenDir("dir")
	require.NoError(t, err)
	file, err = d.OpenLocked("file")
	require.NoError(t, err)
	return f, d, file
}

func TestFS_EveryCallPassesAndIsNoted(t *testing.T) {
	for kind := range callsOf(nil, nil, nil) {
		f, d, file := newDir(t)
		f.Take()
		require.NoError(t, callsOf(f, d, file)[kind](), kind)
		calls := f.Take(kind)
		require.Len(t, calls, 1, kind)
		require.NotEmpty(t, calls[0].Name, kind)
		require.Empty(t, f.Take(), "they are forgotten")
	}
}

func TestFS_EveryCallFailsByTheRule(t *testing.T) {
	for kind := range callsOf(nil, nil, nil) {
		f, d, file := newDir(t)
		f.FailAll("", errFault, kind)
		err := callsOf(f, d, file)[kind]()
		if kind == faultfs.Close { // opened does not look at it
			err = file.Close()
		}
		require.ErrorIs(t, err, errFault, kind)
		f.Fail(nil)
		if kind == faultfs.Close {
			require.ErrorIs(t, file.Datasync(), fs.ErrClosed, "it is closed all the same")
			continue
		}
		require.NoError(t, callsOf(f, d, file)[kind](), "%s did nothing when it failed", kind)
	}
}

func TestFS_ACallSaysWhereAndHowMuch(t *testing.T) {
	f, _, file := newDir(t)
	f.Take()
	_, err := file.WriteAt([]byte("abc"), 7)
	require.NoError(t, err)
	require.NoError(t, file.Truncate(5))
	require.Equal(t, []faultfs.Call{
		{Kind: faultfs.Write, Name: "file", Off: 7, N: 3},
		{Kind: faultfs.Truncate, Name: "file", Off: 5},
	}, f.Take())
}

func TestFS_APartOfAWriteIsWritten(t *testing.T) {
	f, _, file := newDir(t)
	f.FailOnce(faultfs.Write, 2, errFault)
	n, err := file.WriteAt([]byte("abcd"), 0)
	require.Equal(t, 2, n)
	require.ErrorIs(t, err, errFault)
	b := make([]byte, 4)
	_, err = file.ReadAt(b, 0)
	require.NoError(t, err)
	require.Equal(t, "ab23", string(b))
	_, err = file.WriteAt([]byte("abcd"), 0)
	require.NoError(t, err, "once only")
}

func TestFS_FailFromTheNthCallOn(t *testing.T) {
	f, d, file := newDir(t)
	calls := f.FailFrom(3)
	require.NoError(t, file.Sync())
	require.NoError(t, file.Datasync())
	require.ErrorIs(t, d.Sync(), faultfs.ErrDead)
	require.ErrorIs(t, file.Sync(), faultfs.ErrDead)
	require.Equal(t, 4, *calls)
}

func TestFS_OnTheRealFileSystem(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	f := faultfs.New()
	made := filepath.Join(dir, "made")
	require.NoError(t, f.Mkdir(made))
	require.NoError(t, f.SyncDir(dir))
	require.NoError(t, f.Remove(made))
	require.Equal(t, []faultfs.Call{
		{Kind: faultfs.Mkdir, Name: "made"}, {Kind: faultfs.SyncDir, Name: dir},
		{Kind: faultfs.Remove, Name: "made"},
	}, f.Take())
}

func TestSlow_ASyncTakesThatLong(t *testing.T) {
	const delay = 5 * time.Millisecond
	slow := faultfs.Slow(crashfs.New(crashfs.Image{"dir/": nil, "dir/file": []byte("x")}), delay)
	d, err := slow.OpenDir("dir")
	require.NoError(t, err)
	f, err := d.OpenLocked("file")
	require.NoError(t, err)
	for _, sync := range []func() error{f.Sync, f.Datasync} {
		began := time.Now()
		require.NoError(t, sync())
		require.GreaterOrEqual(t, time.Since(began), delay)
	}
	_, err = d.OpenRead("none")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// A save of a block takes a write and a flush, and a write and a flush more where it is the first
// one there, or where writes are copied. What exceeds a tenth of a limit waits for the next tenth
// of a second.
func TestTimed_CountsWritesAndMakesThemWait(t *testing.T) {
	disk := &faultfs.Timed{PerWrite: time.Millisecond, PerBlock: time.Microsecond}
	d, err := disk.On(memfs.New()).OpenDir("/")
	require.NoError(t, err)
	f, err := d.CreateLocked("f")
	require.NoError(t, err)
	save := func(blocks int) (writes, bytes int64, took time.Duration) {
		began := disk.Now()
		w, b := disk.Written()
		_, err := f.WriteAt(make([]byte, blocks<<12), 0)
		require.NoError(t, err)
		require.NoError(t, f.Datasync())
		writes, bytes = disk.Written()
		return writes - w, bytes - b, disk.Now().Sub(began)
	}
	equal := func(blocks int, writes, bytes int64, took time.Duration) {
		t.Helper()
		w, b, d := save(blocks)
		require.Equal(t, []any{writes, bytes, took}, []any{w, b, d})
	}
	equal(1, 4, 2<<12, 4*time.Millisecond+2*time.Microsecond)
	equal(1, 2, 1<<12, 2*time.Millisecond+time.Microsecond)
	equal(2, 4, 3<<12, 4*time.Millisecond+3*time.Microsecond)
	disk.CopyOnWrite = true
	require.True(t, f.CopyOnWrite())
	equal(1, 4, 2<<12, 4*time.Millisecond+2*time.Microsecond)
	disk.CopyOnWrite = false

	disk.SetLimit(faultfs.Limit{Writes: 30})
	save(1)
	_, _, took := save(1)
	require.Equal(t, 2*time.Millisecond+time.Microsecond, took, "3 writes are allowed, 2 were made")
	_, _, took = save(1)
	require.Greater(t, took, 50*time.Millisecond)
	require.NoError(t, f.Close())
	require.NoError(t, d.Close())
}
