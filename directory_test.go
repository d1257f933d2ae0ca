package wal

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/vfs"
)

// A log in a relative directory stays in that directory when the process goes elsewhere.
func TestDirectory_ChdirDoesNotMoveALog(t *testing.T) {
	here, there := t.TempDir(), t.TempDir()
	t.Chdir(there)
	other, err := Create(nil, "log", []byte("other"), WithSegmentSize(testSegment))
	require.NoError(t, err)
	fillSegments(t, other, 3)
	require.NoError(t, other.Close())
	before := files(t, "log")

	t.Chdir(here)
	w, err := Create(nil, "log", []byte("metadata"), WithSegmentSize(testSegment))
	require.NoError(t, err)
	r, err := OpenForRead(nil, "log", nil)
	require.NoError(t, err)
	require.NoError(t, w.SaveEntry(entries(1, 1)))
	t.Chdir(there)
	fillSegments(t, w, 3)
	last := w.LastIndex()
	require.NoError(t, w.SaveSnap(at(last)))
	require.NoError(t, w.Release(at(last)))
	_, err = w.Purge()
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, r.Close())
	require.Equal(t, before, files(t, "log"), "the other log")

	t.Chdir(here)
	w, err = Open(nil, "log", at(last), WithSegmentSize(testSegment))
	require.NoError(t, err)
	require.Equal(t, last, w.LastIndex())
	require.NoError(t, w.Close())
}

// secretiveFS is a file system on which a directory may be entered but not be read.
type secretiveFS struct {
	vfs.FS
	secret string
}

func (s secretiveFS) SyncDir(dir string) error {
	if filepath.Clean(dir) == s.secret {
		return &fs.PathError{Op: "open", Path: dir, Err: syscall.EACCES}
	}
	return s.FS.SyncDir(dir)
}

func TestDirectory_TheParentNeedNotBeReadable(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "log")
	require.NoError(t, os.Mkdir(dir, 0o700))
	fsys := secretiveFS{vfs.OS{}, parent}
	w, err := Create(nil, dir, nil, withFS(fsys))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	w, err = Open(nil, dir, nil, withFS(fsys))
	require.NoError(t, err)
	require.NoError(t, w.Close())
}
