package wal

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// testSegment is a segment size that a handful of saves fill.
const testSegment = 4096

// newLog creates a log with small segments in a directory of its own. It is
// closed at the end of the test, if the test has not done it.
func newLog(t *testing.T, opts ...Option) (*WAL, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "log")
	w, err := Create(nil, dir, []byte("metadata"), append([]Option{WithSegmentSize(testSegment)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { w.Close() })
	return w, dir
}

// openLog opens a log with small segments.
func openLog(t *testing.T, dir string, snap log.Snapshot, opts ...Option) *WAL {
	t.Helper()
	w, err := Open(nil, dir, snap, append([]Option{WithSegmentSize(testSegment)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { w.Close() })
	return w
}

// reopen closes a log and opens it again at a snapshot.
func reopen(t *testing.T, w *WAL, snap log.Snapshot, opts ...Option) *WAL {
	t.Helper()
	require.NoError(t, w.Close())
	return openLog(t, w.dir.Path(), snap, opts...)
}

// at is a default snapshot record.
func at(index uint64) *walpb.Snapshot { return &walpb.Snapshot{Index: index, Term: 1} }

// release saves a snapshot, which may be there already, and releases it.
func release(w *WAL, snap log.Snapshot) error { return errors.Join(w.SaveSnap(snap), w.Release(snap)) }

// forceCut goes on to a new segment although the last one has room.
func forceCut(t *testing.T, w *WAL) {
	t.Helper()
	w.writer.Lock()
	defer w.unlock()
	require.NoError(t, w.cut(nil))
}

// fillSegments saves small entries one by one until n more segments were begun.
func fillSegments(t *testing.T, w *WAL, n int) {
	t.Helper()
	for until := w.Stats().Cuts + uint64(n); w.Stats().Cuts < until; {
		next := w.LastIndex() + 1
		require.NoError(t, w.SaveEntry(entries(next, next)))
	}
}

// contentsOf returns what ReadAll returns, without the metadata.
func contentsOf(t *testing.T, w *WAL) (log.HardState, []log.LogEntry) {
	t.Helper()
	metadata, st, ents, err := w.ReadAll()
	require.NoError(t, err)
	require.Equal(t, []byte("metadata"), metadata)
	return st, ents
}

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

// requireCorrupt makes sure that every way to open a log reports corruption
// and leaves the disk as it was.
func requireCorrupt(t *testing.T, dir, what string) {
	t.Helper()
	before := files(t, dir)
	var c *CorruptionError
	_, err := Open(nil, dir, nil)
	require.ErrorIs(t, err, ErrCorrupt, what)
	require.ErrorAs(t, err, &c, what)
	_, err = OpenForRead(nil, dir, nil)
	require.ErrorIs(t, err, ErrCorrupt, what)
	_, err = Verify(nil, dir)
	require.ErrorIs(t, err, ErrCorrupt, what)
	require.Equal(t, before, files(t, dir), what)
}
