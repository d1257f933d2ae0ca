package wal

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/frame"
)

// The error of a segment's file has the name that the file has by now, and not the one under which
// it was made.
func TestErrors_NameAFileThatExists(t *testing.T) {
	for _, cuts := range []int{0, 1, 3} {
		w, dir := newLog(t)
		fillSegments(t, w, cuts)
		require.NoError(t, w.tailSegment().file.Close())
		next := w.LastIndex() + 1
		err := w.SaveEntry(entries(next, next))
		require.ErrorIs(t, err, ErrFailed)
		require.ErrorIs(t, err, fs.ErrClosed)
		var at *fs.PathError
		require.True(t, errors.As(err, &at), err)
		require.Equal(t, filepath.Join(dir, w.tailSegment().String()), at.Path)
		require.FileExists(t, at.Path)
	}
}

func TestErrors_OfALockNameTheFile(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 1)
	_, err := Open(nil, dir, nil)
	require.ErrorIs(t, err, ErrLocked)
	require.ErrorContains(t, err, filepath.Join(dir, w.tailSegment().String()))
}

func TestErrors_SayOfAMissingLogThatItIsMissing(t *testing.T) {
	missing, empty := filepath.Join(t.TempDir(), "none"), t.TempDir()
	for _, dir := range []string{missing, empty} {
		_, err := Open(nil, dir, nil)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.EqualError(t, err, "wal: no log in "+dir+
			"; make one with Create or OpenOrCreate, or check the path: file does not exist")
		_, err = Verify(nil, dir)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.False(t, Exist(dir))
	}
	require.False(t, Exist(""))
}

// Exist does not deny a log where it could not look.
func TestErrors_ExistWhereItCannotLook(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may look everywhere")
	}
	w, dir := newLog(t)
	require.NoError(t, w.Close())
	require.True(t, Exist(dir))
	require.NoError(t, os.Chmod(dir, 0))
	t.Cleanup(func() { os.Chmod(dir, 0o700) })
	require.True(t, Exist(dir))
}

// A segment with nothing in it is blamed itself, and not the one before it.
func TestErrors_BlameAnEmptySegmentItself(t *testing.T) {
	for _, opts := range [][]Option{nil, {WithEtcdFormat()}} {
		w, dir := newLog(t, opts...)
		fillSegments(t, w, 3)
		require.NoError(t, w.Close())
		for _, path := range segmentsOf(t, dir) {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			for _, size := range []int64{0, 4096} {
				require.NoError(t, os.WriteFile(path, make([]byte, size), 0o600))
				checks := map[string]func() error{
					"Open":        func() error { _, err := Open(nil, dir, nil, opts...); return err },
					"OpenForRead": func() error { _, err := OpenForRead(nil, dir, nil, opts...); return err },
					"Records": func() error {
						for _, err := range Records(dir, opts...) {
							if err != nil {
								return err
							}
						}
						return nil
					},
				}
				for what, check := range checks {
					var c *CorruptionError
					require.ErrorAs(t, check(), &c, "%s, %d bytes in %s", what, size, path)
					require.Equal(t, filepath.Base(path), c.Segment, "%s, %d bytes", what, size)
				}
			}
			require.NoError(t, os.WriteFile(path, data, 0o600))
		}
	}
}

func TestErrors_OfAReadOnlyFileSystem(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	require.NoError(t, w.Close())
	for _, cause := range []error{syscall.EROFS, fs.ErrPermission, syscall.EACCES} {
		for _, refused := range [][]faultfs.Kind{
			{faultfs.OpenLocked, faultfs.Create}, {faultfs.Write}, {faultfs.Sync},
			{faultfs.Mkdir, faultfs.Create, faultfs.OpenLocked},
		} {
			fsys := faultfs.New()
			fsys.Fail(func(o faultfs.Call) (int, error) {
				for _, kind := range refused {
					if o.Kind == kind {
						return 0, cause
					}
				}
				return 0, nil
			})
			_, err := Open(nil, dir, nil, withFS(fsys))
			require.ErrorIs(t, err, ErrReadOnly)
			require.ErrorIs(t, err, cause)
			_, err = Create(nil, filepath.Join(t.TempDir(), "log"), nil, withFS(fsys))
			require.ErrorIs(t, err, ErrReadOnly)
			_, err = Repair(nil, dir, withFS(fsys))
			require.ErrorIs(t, err, ErrReadOnly)

			r, err := OpenForRead(nil, dir, nil, withFS(fsys))
			require.NoError(t, err)
			_, _, ents, err := r.ReadAll()
			require.NoError(t, err)
			require.Equal(t, entries(1, 3), ents)
			_, err = Verify(nil, dir, withFS(fsys))
			require.NoError(t, err)
		}
	}
	openLog(t, dir, nil)
}

// Two logs may be open in one process: an error about damage says which one it is of.
func TestErrors_DamageNamesTheDirectory(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 2)
	require.NoError(t, w.Sync())
	f, err := os.OpenFile(segmentsOf(t, dir)[1], os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	frames := framesOf(t, f.Name())
	flipAt(t, f, frames[len(frames)/2].off+frame.WordSize+2)
	lookups := map[string]func() error{
		"Entries": func() error {
			for _, err := range w.Entries(w.FirstIndex(), w.LastIndex()+1) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"OpenForRead": func() error { _, err := OpenForRead(nil, dir, nil); return err },
		"Verify":      func() error { _, err := Verify(nil, dir); return err },
		"Records": func() error {
			for _, err := range Records(dir) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"Open":   func() error { w.Abandon(); _, err := Open(nil, dir, nil); return err },
		"Repair": func() error { w.Abandon(); _, err := Repair(nil, dir); return err },
	}
	for _, name := range slices.Sorted(maps.Keys(lookups)) {
		err := lookups[name]()
		var c *CorruptionError
		require.ErrorAs(t, err, &c, name)
		require.Equal(t, dir, c.Dir, name)
		require.ErrorContains(t, err, dir, name)
	}
}
