package crashfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/vfs"
)

// To a caller, the simulated disk behaves like the real one.
func TestBehavesLikeTheRealOne(t *testing.T) {
	tests := []struct {
		name string
		run  func(t *testing.T, fsys byPath, dir string)
	}{
		{"files that are missing or there", missingAndThere},
		{"reads, writes and sizes", readsWritesAndSizes},
		{"locks", locks},
		{"directories", directories},
		{"renames and removals of open files", renamesAndRemovals},
		{"closed and read-only files", closedAndReadOnly},
	}
	for _, tt := range tests {
		t.Run("os/"+tt.name, func(t *testing.T) { tt.run(t, byPath{vfs.OS{}}, t.TempDir()) })
		t.Run("crashfs/"+tt.name, func(t *testing.T) {
			d := crashfs.New(nil)
			require.NoError(t, d.Mkdir("/dir"))
			tt.run(t, byPath{d}, "/dir")
		})
	}
}

// put creates a file with the given content and closes it.
func put(t *testing.T, fsys byPath, name, data string) {
	f, err := fsys.CreateNew(name)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte(data), 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// get returns what is in an open file.
func get(t *testing.T, f vfs.File) string {
	b := make([]byte, 10_000)
	n, err := f.ReadAt(b, 0)
	require.Equal(t, io.EOF, err)
	size, err := f.Size()
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	return string(b[:n])
}

func missingAndThere(t *testing.T, fsys byPath, dir string) {
	name := filepath.Join(dir, "f")
	_, err := fsys.OpenRead(name)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = fsys.OpenLocked(name)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, fsys.Remove(name), fs.ErrNotExist)
	require.ErrorIs(t, fsys.Rename(name, name+"2"), fs.ErrNotExist)
	_, err = fsys.CreateNew(filepath.Join(dir, "no", "f"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	put(t, fsys, name, "kept")
	_, err = fsys.CreateNew(name)
	require.ErrorIs(t, err, fs.ErrExist)
	f, err := fsys.CreateLocked(name)
	require.NoError(t, err)
	require.Equal(t, "kept", get(t, f))
	require.NoError(t, f.Close())
}

func readsWritesAndSizes(t *testing.T, fsys byPath, dir string) {
	f, err := fsys.CreateNew(filepath.Join(dir, "f"))
	require.NoError(t, err)
	defer f.Close()
	zeros := func(n int) string { return string(make([]byte, n)) }
	n, err := f.WriteAt([]byte("abc"), 1000)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Equal(t, zeros(1000)+"abc", get(t, f))
	require.NoError(t, f.Truncate(1002))
	require.NoError(t, f.Truncate(1004))
	require.Equal(t, zeros(1000)+"ab"+zeros(2), get(t, f), "what was cut off does not come back")
	require.NoError(t, f.Reserve(500))
	require.NoError(t, f.Reserve(1010))
	require.Equal(t, zeros(1000)+"ab"+zeros(8), get(t, f))
	b := make([]byte, 4)
	n, err = f.ReadAt(b, 1000)
	require.NoError(t, err)
	require.Equal(t, "ab"+zeros(2), string(b[:n]))
	_, err = f.ReadAt(b, 1010)
	require.Equal(t, io.EOF, err)
	require.NoError(t, f.Datasync())
	require.NoError(t, f.Sync())
	start, end, err := f.Data(1010)
	require.NoError(t, err)
	require.EqualValues(t, 1010, start)
	require.EqualValues(t, 1010, end)
}

func locks(t *testing.T, fsys byPath, dir string) {
	name := filepath.Join(dir, "f")
	f, err := fsys.CreateLocked(name)
	require.NoError(t, err)
	_, err = fsys.OpenLocked(name)
	require.ErrorIs(t, err, vfs.ErrLocked)
	r, err := fsys.OpenRead(name)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	_, err = fsys.CreateLocked(name)
	require.ErrorIs(t, err, vfs.ErrLocked, "another handle's end is not the lock's")
	require.NoError(t, fsys.Rename(name, name+"2"))
	_, err = fsys.OpenLocked(name + "2")
	require.ErrorIs(t, err, vfs.ErrLocked, "the lock goes with the file")
	g, err := fsys.CreateLocked(name)
	require.NoError(t, err, "another file of the old name")
	require.NoError(t, g.Close())
	require.NoError(t, f.Close())
	f, err = fsys.OpenLocked(name + "2")
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func directories(t *testing.T, fsys byPath, dir string) {
	sub := filepath.Join(dir, "sub")
	is, err := fsys.IsDir(sub)
	require.NoError(t, err)
	require.False(t, is)
	is, err = fsys.IsDir(filepath.Join(sub, "below"))
	require.NoError(t, err)
	require.False(t, is)
	require.Error(t, fsys.SyncDir(sub))
	require.NoError(t, fsys.Mkdir(sub))
	require.ErrorIs(t, fsys.Mkdir(sub), fs.ErrExist)
	require.NoError(t, fsys.SyncDir(sub))
	is, err = fsys.IsDir(sub)
	require.NoError(t, err)
	require.True(t, is)
	for _, name := range []string{"b", "a", "c"} {
		put(t, fsys, filepath.Join(sub, name), name)
	}
	names, err := fsys.List(sub)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, names)
	_, err = fsys.List(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = fsys.IsDir(filepath.Join(sub, "a"))
	require.ErrorIs(t, err, syscall.ENOTDIR)
	_, err = fsys.CreateNew(filepath.Join(sub, "a", "below"))
	require.ErrorIs(t, err, syscall.ENOTDIR)
	_, err = fsys.OpenLocked(sub)
	require.Error(t, err, "a directory is no file")
	require.Error(t, fsys.Remove(sub), "it is not empty")
}

func renamesAndRemovals(t *testing.T, fsys byPath, dir string) {
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	put(t, fsys, a, "a")
	put(t, fsys, b, "b")
	f, err := fsys.OpenLocked(a)
	require.NoError(t, err)
	g, err := fsys.OpenRead(b)
	require.NoError(t, err)
	require.NoError(t, fsys.Rename(a, b))
	require.NoError(t, fsys.Rename(b, b))
	require.Equal(t, "b", get(t, g), "what was replaced can still be read")
	_, err = f.WriteAt([]byte("more"), 1)
	require.NoError(t, err)
	h, err := fsys.OpenRead(b)
	require.NoError(t, err)
	require.Equal(t, "amore", get(t, h))
	require.NoError(t, fsys.removeFile(b))
	require.Equal(t, "amore", get(t, h))
	names, err := fsys.List(dir)
	require.NoError(t, err)
	require.Empty(t, names)
	for _, f := range []vfs.File{f, g, h} {
		require.NoError(t, f.Close())
	}
}

func closedAndReadOnly(t *testing.T, fsys byPath, dir string) {
	name := filepath.Join(dir, "f")
	put(t, fsys, name, "data")
	r, err := fsys.OpenRead(name)
	require.NoError(t, err)
	_, err = r.WriteAt([]byte("x"), 0)
	require.Error(t, err)
	require.Error(t, r.Truncate(0))
	require.NoError(t, r.Sync())
	require.Equal(t, "data", get(t, r))
	require.NoError(t, r.Close())
	require.ErrorIs(t, r.Close(), os.ErrClosed)
	require.ErrorIs(t, r.Sync(), os.ErrClosed)
	_, err = r.ReadAt(make([]byte, 1), 0)
	require.ErrorIs(t, err, os.ErrClosed)
}

func TestDataPassesOverReservedSpace(t *testing.T) {
	f, err := byPath{crashfs.New(nil)}.CreateNew("f")
	require.NoError(t, err)
	require.NoError(t, f.Reserve(5000))
	for _, off := range []int64{100, 3000} {
		_, err = f.WriteAt(make([]byte, 600), off)
		require.NoError(t, err)
	}
	for off, want := range map[int64][2]int64{0: {0, 1024}, 700: {700, 1024}, 2000: {2560, 4096},
		4096: {5000, 5000}, 5000: {5000, 5000}} {
		start, end, err := f.Data(off)
		require.NoError(t, err)
		require.Equal(t, want, [2]int64{start, end}, "from %d", off)
	}
}

func TestADeadProcessHoldsNoLockAndCannotWrite(t *testing.T) {
	d := crashfs.New(nil)
	paths := byPath{d}
	f, err := paths.CreateLocked("f")
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("written"), 0)
	require.NoError(t, err)
	d.Kill()
	_, err = f.WriteAt([]byte("x"), 0)
	require.ErrorIs(t, err, os.ErrClosed)
	g, err := paths.OpenLocked("f")
	require.NoError(t, err)
	require.ErrorIs(t, f.Close(), os.ErrClosed)
	_, err = paths.OpenLocked("f")
	require.ErrorIs(t, err, vfs.ErrLocked, "the dead one's close does not take the other's lock")
	require.Equal(t, "written", get(t, g))
}

var errFault = errors.New("fault")

// Each call can be made to fail, before or after it is performed.
func TestEveryCallCanFail(t *testing.T) {
	d := crashfs.New(crashfs.Image{"dir/": nil, "dir/f": []byte("data"), "dir/g": nil})
	dir, err := d.OpenDir("dir")
	require.NoError(t, err)
	f, err := dir.OpenLocked("f")
	require.NoError(t, err)
	opened := func(_ vfs.File, err error) error { return err }
	calls := map[faultfs.Kind]func() error{
		faultfs.OpenDir:    func() error { _, err := d.OpenDir("dir"); return err },
		faultfs.OpenRead:   func() error { return opened(dir.OpenRead("g")) },
		faultfs.OpenLocked: func() error { return opened(dir.OpenLocked("g")) },
		faultfs.Create:     func() error { return opened(dir.CreateNew("new")) },
		faultfs.Rename:     func() error { return dir.Rename("g", "h") },
		faultfs.Remove:     func() error { return dir.Remove("g") },
		faultfs.List:       func() error { _, err := dir.List(); return err },
		faultfs.IsDir:      func() error { _, err := d.IsDir("dir"); return err },
		faultfs.Mkdir:      func() error { return d.Mkdir("dir/sub") },
		faultfs.SyncDir:    func() error { return dir.Sync() },
		faultfs.Read:       func() error { _, err := f.ReadAt(make([]byte, 1), 0); return err },
		faultfs.Write:      func() error { _, err := f.WriteAt([]byte("x"), 0); return err },
		faultfs.Truncate:   func() error { return f.Truncate(2) },
		faultfs.Reserve:    func() error { return f.Reserve(1000) },
		faultfs.Size:       func() error { _, err := f.Size(); return err },
		faultfs.Data:       func() error { _, _, err := f.Data(0); return err },
		faultfs.Datasync:   f.Datasync,
		faultfs.Sync:       f.Sync,
	}
	before := d.Image()
	for kind, call := range calls {
		var got faultfs.Call
		d.Inject(func(c faultfs.Call) *crashfs.Fault {
			got = c
			return &crashfs.Fault{Err: errFault}
		})
		require.ErrorIs(t, call(), errFault, "%s", kind)
		require.Equal(t, kind, got.Kind)
		require.Equal(t, before, d.Image(), "%s is not done", kind)
		d.Inject(nil)
	}
	d.Inject(func(faultfs.Call) *crashfs.Fault { return &crashfs.Fault{Err: errFault, Done: true} })
	require.ErrorIs(t, dir.Rename("g", "h"), errFault)
	require.ErrorIs(t, f.Truncate(2), errFault)
	n, err := f.WriteAt([]byte("xyz"), 0)
	require.ErrorIs(t, err, errFault)
	require.Equal(t, 3, n)
	require.Equal(t, crashfs.Image{"dir/": nil, "dir/f": []byte("xyz"), "dir/h": {}}, d.Image(),
		"done, and failed")
	d.Inject(func(faultfs.Call) *crashfs.Fault { return &crashfs.Fault{Err: errFault, Partial: 1} })
	n, err = f.WriteAt([]byte("XYZ"), 0)
	require.ErrorIs(t, err, errFault)
	require.Equal(t, 1, n)
	require.ErrorIs(t, f.Close(), errFault)
	d.Inject(nil)
	require.ErrorIs(t, f.Close(), os.ErrClosed, "a close that fails has closed")
	require.Equal(t, "Xyz", string(d.Image().Dir("dir")["f"]))
	require.Nil(t, d.Image().Dir("none"))
}
