package snap_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/etcdraft/snap"
)

// Whatever bit of a file flips, and wherever it is cut: what is read is what was written, up to an
// error, and only what is whole ends without one.
func TestReader_HandsOutNothingThatIsDamaged(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	const want = "the state of the machine"
	require.NoError(t, d.Create(meta(9, 4), text(want)))
	file := filepath.Join(dir, names(t, dir)[0])
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	try := func(b []byte, what string, n int) {
		require.NoError(t, os.WriteFile(file, b, 0o600))
		r, err := d.Open(9, 4)
		if err == nil {
			var got []byte
			got, err = io.ReadAll(r)
			require.True(t, bytes.HasPrefix([]byte(want), got), "%s %d", what, n)
			require.NoError(t, r.Close())
		}
		require.ErrorIs(t, err, snap.ErrCorrupt, "%s %d", what, n)
		_, err = d.Verify(9, 4)
		require.ErrorIs(t, err, snap.ErrCorrupt, "%s %d", what, n)
		_, err = open(t, t.TempDir()).Put(bytes.NewReader(b))
		require.ErrorIs(t, err, snap.ErrCorrupt, "%s %d", what, n)
	}
	for i := range len(whole) * 8 {
		b := bytes.Clone(whole)
		b[i/8] ^= 1 << (i % 8)
		try(b, "bit", i)
	}
	for n := range whole {
		try(whole[:n], "cut at", n)
	}
}

// A name does not vouch for what is in the file.
func TestReader_RefusesAnotherSnapshot(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	require.NoError(t, d.Create(meta(9, 4), text("nine")))
	require.NoError(t, d.Create(meta(10, 4), text("ten")))
	all := names(t, dir)
	require.NoError(t, os.Rename(filepath.Join(dir, all[0]), filepath.Join(dir, all[1])))
	_, err := d.Open(10, 4)
	require.ErrorIs(t, err, snap.ErrCorrupt)
	require.ErrorContains(t, err, "index 9")
}

// FuzzPut has a stream of anything taken: it is a snapshot or an ErrCorrupt, and takes no more
// memory than a chunk.
func FuzzPut(f *testing.F) {
	d := open(f, f.TempDir())
	for _, data := range []string{"", "x", "the state of the machine"} {
		require.NoError(f, d.Create(meta(9, 4), text(data)))
		var sent bytes.Buffer
		require.NoError(f, d.Send(&sent, 9, 4))
		f.Add(sent.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := open(t, t.TempDir())
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, err := dir.Put(bytes.NewReader(b))
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20+8*len(b)))
		if err != nil {
			require.ErrorIs(t, err, snap.ErrCorrupt)
			require.Empty(t, names(t, dir.Path()))
			return
		}
		_, err = dir.Verify(m.Index, m.Term)
		require.NoError(t, err)
	})
}

// A length that is damaged takes no memory.
func TestPut_BelievesNoLength(t *testing.T) {
	d := open(t, t.TempDir())
	require.NoError(t, d.Create(meta(9, 4), text("the state of the machine")))
	var sent bytes.Buffer
	require.NoError(t, d.Send(&sent, 9, 4))
	for _, length := range []uint32{256<<10 + 1, 1 << 29, 1<<32 - 1} {
		b := bytes.Clone(sent.Bytes())
		binary.LittleEndian.PutUint32(b[8:], length)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := d.Put(bytes.NewReader(b))
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, snap.ErrCorrupt)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
	}
}
