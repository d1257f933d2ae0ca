package memfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// both is a directory in memory and one on the disk, on which the test performs the same calls.
type both struct {
	t     *testing.T
	rnd   *rand.Rand
	dirs  [2]vfs.Dir
	files map[string][2]vfs.File // the open ones, by name and how they were opened
}

// kind returns the part of an error that has to be the same on both sides.
func kind(err error) string {
	for _, k := range []error{fs.ErrExist, fs.ErrNotExist, fs.ErrClosed, vfs.ErrLocked, io.EOF} {
		if errors.Is(err, k) {
			return k.Error()
		}
	}
	if err != nil {
		return "another error"
	}
	return "none"
}

// same performs a call on both sides and compares the results.
func (b *both) same(what string, do func(side int) (any, error)) {
	b.t.Helper()
	want, werr := do(1)
	got, gerr := do(0)
	require.Equal(b.t, kind(werr), kind(gerr), "%s: the disk says %v, memory %v", what, werr, gerr)
	if werr == nil || errors.Is(werr, io.EOF) {
		require.Equal(b.t, want, got, what)
	}
}

// Whatever a log may do on a disk has the same result in memory.
func TestMemoryDoesWhatADiskDoes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("open files cannot be renamed or removed there")
	}
	for seed := range uint64(5) {
		var disk vfs.OS
		memory := New()
		real := filepath.Join(t.TempDir(), "d")
		b := &both{t: t, rnd: rand.New(rand.NewPCG(seed, 0)), files: map[string][2]vfs.File{}}
		require.NoError(t, disk.Mkdir(real))
		require.NoError(t, memory.Mkdir("/d"))
		var err error
		b.dirs[0], err = memory.OpenDir("/d")
		require.NoError(t, err)
		b.dirs[1], err = disk.OpenDir(real)
		require.NoError(t, err)
		for range 300 {
			b.step()
		}
		for _, f := range b.files {
			f[0].Close()
			f[1].Close()
		}
		b.dirs[0].Close()
		b.dirs[1].Close()
		b.same("a closed directory", func(s int) (any, error) { return b.dirs[s].List() })
	}
}

// step performs one random call, on a name or on the open files.
func (b *both) step() {
	name, other := string(rune('a'+b.rnd.IntN(3))), string(rune('a'+b.rnd.IntN(3)))
	switch k := b.rnd.IntN(10); k {
	case 0:
		b.same("rename", func(s int) (any, error) { return nil, b.dirs[s].Rename(name, other) })
	case 1:
		b.same("remove", func(s int) (any, error) { return nil, b.dirs[s].Remove(name) })
	case 2, 3, 4, 5:
		b.open(name, k)
	default:
		b.use()
	}
	b.same("list", func(s int) (any, error) { return b.dirs[s].List() })
	b.same("is file", func(s int) (any, error) { return b.dirs[s].IsFile(name) })
}

// open opens a file in one of the four ways, or closes it if it is open in that way.
func (b *both) open(name string, how int) {
	key := fmt.Sprint(name, how)
	if f, ok := b.files[key]; ok {
		delete(b.files, key)
		b.same("close", func(s int) (any, error) { return nil, f[s].Close() })
		return
	}
	var f [2]vfs.File
	b.same("open", func(s int) (any, error) {
		var err error
		d := b.dirs[s]
		calls := []func(string) (vfs.File, error){
			d.OpenRead, d.OpenLocked, d.CreateLocked, d.CreateNew}
		f[s], err = calls[how-2](name)
		return nil, err
	})
	if f[0] != nil && f[1] != nil {
		b.files[key] = f
	}
}

// use reads or changes open files.
func (b *both) use() {
	for key, f := range b.files {
		at, n := int64(b.rnd.IntN(3000)), b.rnd.IntN(2000)
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(b.rnd.Uint32())
		}
		b.same("size", func(s int) (any, error) { return f[s].Size() })
		b.same("read", func(s int) (any, error) {
			buf := make([]byte, n+1)
			n, err := f[s].ReadAt(buf, at)
			return buf[:n], err
		})
		if key[1:] == "2" { // opened for reading
			continue
		}
		switch b.rnd.IntN(4) {
		case 0:
			b.same("truncate", func(s int) (any, error) { return nil, f[s].Truncate(at) })
		case 1:
			b.same("reserve", func(s int) (any, error) { return nil, f[s].Reserve(at) })
		default:
			b.same("write", func(s int) (any, error) { return f[s].WriteAt(data, at) })
		}
	}
	if b.rnd.IntN(100) == 0 {
		b.same("sync", func(s int) (any, error) { return nil, b.dirs[s].Sync() })
	}
}

func TestDirectoriesInMemory(t *testing.T) {
	f := New()
	require.ErrorIs(t, f.Mkdir("a/b"), fs.ErrNotExist)
	require.NoError(t, f.Mkdir("a"))
	require.NoError(t, f.Mkdir("/a/b"))
	require.ErrorIs(t, f.Mkdir("a"), fs.ErrExist)
	d, err := f.OpenDir("a/./b")
	require.NoError(t, err)
	require.NoError(t, d.Check())
	file, err := d.CreateNew("f")
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.ErrorIs(t, file.Close(), fs.ErrClosed)
	_, err = f.IsDir("/a/b/f")
	require.ErrorContains(t, err, "not a directory")
	require.ErrorIs(t, f.Mkdir("/a/b/f"), fs.ErrExist)
	require.Error(t, f.Remove("a"))
	require.Error(t, f.Remove("a/b"))
	require.NoError(t, f.Remove("a/b/f"))
	require.ErrorIs(t, f.Remove("a/b/f"), fs.ErrNotExist)
	require.NoError(t, f.SyncDir("a/b"))
	require.NoError(t, f.Remove("a/b"))
	require.ErrorIs(t, d.Check(), vfs.ErrDeleted)
	require.ErrorIs(t, f.SyncDir("a/b"), fs.ErrNotExist)
	_, err = f.OpenDir("a/b")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, f.Mkdir("a/b"))
	require.ErrorIs(t, d.Check(), vfs.ErrMoved)
	require.Error(t, f.Remove("/"))

	root, err := f.OpenDir("/")
	require.NoError(t, err)
	require.NoError(t, f.Mkdir("new"))
	require.ErrorIs(t, root.Rename("a", "new"), fs.ErrExist)
	require.NoError(t, f.Remove("new"))
	require.NoError(t, root.Rename("a", "new"))
	is, err := f.IsDir("new/b")
	require.NoError(t, err)
	require.True(t, is)
	is, err = f.IsDir("a/b")
	require.NoError(t, err)
	require.False(t, is)
	require.ErrorIs(t, root.Rename("a", "z"), fs.ErrNotExist)
}

func TestReservedSpaceTakesNoMemory(t *testing.T) {
	n := &node{}
	f := &file{node: n}
	require.NoError(t, f.Reserve(1<<40))
	_, err := f.WriteAt([]byte("data"), 100)
	require.NoError(t, err)
	require.Less(t, cap(n.data), 1000)
	start, end, err := f.Data(50)
	require.NoError(t, err)
	require.Equal(t, []int64{50, 104}, []int64{start, end})
	start, end, err = f.Data(104)
	require.NoError(t, err)
	require.Equal(t, []int64{1 << 40, 1 << 40}, []int64{start, end})
	require.NoError(t, f.Truncate(102))
	require.NoError(t, f.Truncate(1000))
	buf := make([]byte, 4)
	_, err = f.ReadAt(buf, 100)
	require.NoError(t, err)
	require.Equal(t, "da\x00\x00", string(buf))
}
