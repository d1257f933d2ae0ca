package wal

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/frame"
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

// placedFrame is a frame and where it stands in its segment.
type placedFrame struct {
	off int64
	frame.Frame
}

// framesOf returns the valid frames of a segment, from its start on.
func framesOf(t *testing.T, path string) []placedFrame {
	t.Helper()
	n, ok := parseSegmentName(filepath.Base(path))
	require.True(t, ok, path)
	f, err := openDir(t, filepath.Dir(path)).OpenRead(filepath.Base(path))
	require.NoError(t, err)
	defer f.Close()
	size, err := f.Size()
	require.NoError(t, err)
	d := decoder{win: window{f: f, size: size}, seq: n.seq}
	var out []placedFrame
	for {
		off := d.off
		fr, err := d.next()
		if _, bad := asBadFrame(err); bad || err == io.EOF {
			return out
		}
		require.NoError(t, err)
		kept := *fr
		kept.Data = bytes.Clone(fr.Data)
		out = append(out, placedFrame{off, kept})
	}
}

// segmentsOf returns the paths of a log's segments, by number.
func segmentsOf(t *testing.T, dir string) []string {
	t.Helper()
	names, err := listSegments(openDir(t, dir))
	require.NoError(t, err)
	paths := make([]string, len(names))
	for i, n := range names {
		paths[i] = filepath.Join(dir, n.String())
	}
	return paths
}

// files returns the bytes of every file in a directory, by name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	out := map[string]string{}
	for _, f := range list {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		require.NoError(t, err)
		out[f.Name()] = string(data)
	}
	return out
}

// copyDir copies the files of a directory into a new one.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, os.Mkdir(to, 0o700))
	for name, data := range files(t, from) {
		require.NoError(t, os.WriteFile(filepath.Join(to, name), []byte(data), 0o600))
	}
}

// patch changes bytes of a file for the time of one function.
func patch(t *testing.T, path string, off int64, b []byte, during func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	before := make([]byte, len(b))
	_, err = f.ReadAt(before, off)
	require.NoError(t, err)
	_, err = f.WriteAt(b, off)
	require.NoError(t, err)
	during()
	_, err = f.WriteAt(before, off)
	require.NoError(t, err)
}
