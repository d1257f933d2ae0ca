package interop

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"

	"github.com/seed449c39bc/wal/walpb"
)

const sectorSize = 512 // the size in bytes of what a disk writes whole or not at all

// tornLog returns the history of a log of two segments. The second one ends with records of several
// sizes, some of which span sectors.
func tornLog() history {
	h := history{metadata: []byte("node")}
	for i, size := range []int{100, 4000, 200, 300, 3, 0, 1400, 1, 560, 20, 40} {
		index := uint64(i + 1)
		h.ops = append(h.ops, op{
			ents:  []*walpb.Entry{{Term: 1, Index: index, Data: bytes.Repeat([]byte{byte(i + 1)}, size)}},
			state: &walpb.HardState{Term: 1, Vote: 2, Commit: index - 1},
		})
	}
	return h
}

// tear requires that a log with a damaged last segment opens without help, and holds at least what
// it holds in etcd after etcd's repair, and nothing that was not saved.
func tear(t *testing.T, h history, files []file, last []byte) {
	t.Helper()
	files = slices.Clone(files)
	files[len(files)-1].data = last
	begin := &walpb.Snapshot{}

	repaired := copyOf(t, files)
	require.True(t, etcdwal.Repair(nil, repaired), "etcd repairs it")
	w, err := etcdwal.Open(nil, repaired, toEtcdSnapshot(begin))
	require.NoError(t, err)
	theirs, err := fromEtcd(w.ReadAll())
	require.NoError(t, err)
	require.NoError(t, w.Close())

	dir := copyOf(t, files)
	read, err := readOurs(t, dir, begin)
	require.NoError(t, err)
	require.Equal(t, files, segments(t, dir), "reading changes nothing")
	healed, err := recoverOurs(t, dir, begin)
	require.NoError(t, err)
	require.Equal(t, read, healed, "Open gives what OpenForRead gives")
	again, err := readEtcd(t, dir, begin)
	require.NoError(t, err)
	require.Equal(t, healed, again, "etcd reads what was healed")

	saved, _ := h.entries(0)
	require.Equal(t, h.metadata, healed.metadata)
	require.GreaterOrEqual(t, len(healed.ents), len(theirs.ents))
	require.Equal(t, saved[:len(healed.ents)], healed.ents)
	require.GreaterOrEqual(t, healed.state.Commit, theirs.state.Commit)
	if len(healed.ents) == len(theirs.ents) && healed.state.Commit == theirs.state.Commit {
		require.Equal(t, theirs, healed)
	}
}

// writeTornLog has etcd write the log. It returns the segments, and the offset at which the last
// records begin, of which there are as many as records says.
func writeTornLog(t *testing.T, records int) (h history, files []file, from int) {
	t.Helper()
	h, dir := tornLog(), newDir(t)
	writeEtcd(t, dir, h)
	files = segments(t, dir)
	require.Len(t, files, 2)
	frames := files[1].frames()
	return h, files, frames[len(frames)-1-records]
}

func TestATailOfEtcdThatIsCutAtAnyByteHealsAtOpen(t *testing.T) {
	h, files, from := writeTornLog(t, 6)
	last := files[1]
	for end := from; end <= len(last.records()); end++ {
		t.Run(fmt.Sprintf("at=%d", end), func(t *testing.T) {
			t.Parallel()
			tear(t, h, files, last.data[:end])
		})
	}
}

func TestATailOfEtcdThatIsZerosFromAnySectorOnHealsAtOpen(t *testing.T) {
	h, files, from := writeTornLog(t, 12)
	last := files[1]
	for off := roundUp(from); off < len(last.records()); off += sectorSize {
		t.Run(fmt.Sprintf("at=%d", off), func(t *testing.T) {
			t.Parallel()
			tear(t, h, files, append(slices.Clone(last.data[:off]), make([]byte, len(last.data)-off)...))
		})
	}
}

func TestATailOfEtcdThatLostAnySectorHealsAtOpen(t *testing.T) {
	h, files, from := writeTornLog(t, 12)
	last := files[1]
	for off := roundUp(from); off < len(last.records()); off += sectorSize {
		t.Run(fmt.Sprintf("at=%d", off), func(t *testing.T) {
			t.Parallel()
			data := slices.Clone(last.data)
			clear(data[off : off+sectorSize])
			tear(t, h, files, data)
		})
	}
}

func roundUp(off int) int { return (off + sectorSize - 1) / sectorSize * sectorSize }
