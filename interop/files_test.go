package interop

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// file is a segment as it is on disk.
type file struct {
	name string
	data []byte
}

// segments returns the segments of a log, in order.
func segments(t *testing.T, dir string) []file {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	var files []file
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		files = append(files, file{filepath.Base(path), data})
	}
	return files
}

// write puts the file into a directory.
func (f file) write(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, f.name), f.data, 0o600))
}

// copyOf puts files into a new directory.
func copyOf(t *testing.T, files []file) string {
	t.Helper()
	dir := newDir(t)
	require.NoError(t, os.Mkdir(dir, 0o700))
	for _, f := range files {
		f.write(t, dir)
	}
	return dir
}

// records returns the segment without the zeros after its records.
func (f file) records() []byte {
	offsets := f.frames()
	return f.data[:offsets[len(offsets)-1]]
}

// frames returns the offsets of the segment's frames, and the offset at which the last one ends.
func (f file) frames() []int {
	off := 0
	offsets := []int{off}
	for off+8 <= len(f.data) {
		word := binary.LittleEndian.Uint64(f.data[off:])
		if word == 0 {
			break
		}
		off += 8 + (int(word&(1<<56-1))+7)/8*8
		offsets = append(offsets, off)
	}
	return offsets
}

// parse returns the records of the segment.
func (f file) parse(t *testing.T) []walpb.Record {
	t.Helper()
	var recs []walpb.Record
	offsets := f.frames()
	for _, off := range offsets[:len(offsets)-1] {
		n := binary.LittleEndian.Uint64(f.data[off:]) & (1<<56 - 1)
		rec, _, err := walpb.ParseRecord(f.data[off+8:][:n])
		require.NoError(t, err, "%s at %d", f.name, off)
		recs = append(recs, rec)
	}
	return recs
}

// requireFormat requires that every record of the segment has a trailer, or that none has.
func (f file) requireFormat(t *testing.T, trailered bool) {
	t.Helper()
	for i, rec := range f.parse(t) {
		require.Equal(t, trailered, rec.Trailer != 0, "%s: record %d is trailered", f.name, i)
	}
}

// count returns how many records of a type the segment has.
func (f file) count(t *testing.T, typ log.RecordType) (n int) {
	t.Helper()
	for _, rec := range f.parse(t) {
		if rec.Type == int64(typ) {
			n++
		}
	}
	return n
}

// requireSameSegments requires that two logs have the same segments, byte for byte. In the last
// one, only the prepared space after the records may differ.
func requireSameSegments(t *testing.T, want, got []file) {
	t.Helper()
	require.Equal(t, names(want), names(got))
	last := len(want) - 1
	for i := range last {
		requireSameBytes(t, want[i].data, got[i].data, want[i].name)
	}
	requireSameBytes(t, want[last].records(), got[last].records(), want[last].name)
	for _, f := range []file{want[last], got[last]} {
		require.Empty(t, bytes.Trim(f.data[len(f.records()):], "\x00"), "bytes behind the records of %s",
			f.name)
	}
}

// requireSameBytes is require.Equal with a shorter message.
func requireSameBytes(t *testing.T, want, got []byte, name string) {
	t.Helper()
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			require.Equal(t, want[i:min(i+64, len(want))], got[i:min(i+64, len(got))],
				"%s from offset %d on", name, i)
		}
	}
	require.Equal(t, len(want), len(got), "length of %s", name)
}

func names(files []file) (ns []string) {
	for _, f := range files {
		ns = append(ns, f.name)
	}
	return ns
}
