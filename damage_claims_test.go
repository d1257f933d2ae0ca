package wal

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/oracle"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// claimsAndRecords returns a payload of n bytes that is to stand at from in segment 0: 40
// beginnings of records, each of which claims that its trailer stands far away, then a small record
// that is right where it stands, and so on.
func claimsAndRecords(t *testing.T, n int, from int64) []byte {
	b := make([]byte, n)
	data, err := (&walpb.Entry{Index: 5, Term: 1, Data: noise(60)}).Marshal()
	require.NoError(t, err)
	random := uint32(1)
	for at := 0; at+40*24+1<<15 < n; {
		for range 40 {
			random = random*1664525 + 1013904223
			size := 1<<14 + 64 + int(random>>1)%(n-at-1<<15)&^15 + walpb.TrailerSize
			binary.LittleEndian.PutUint64(b[at:], frame.MakeWord(int64(size)))
			head := 8
			if size > 1<<21 {
				head++
			}
			record := binary.AppendUvarint([]byte{8, 2, 16, 0, 26}, uint64(size-head-walpb.TrailerSize))
			copy(b[at+frame.WordSize:], record)
			at += 24
		}
		f := oracle.Frame{Type: int64(log.EntryType), CRC: 1, Data: data, Trailered: true,
			Flags: frame.FlagCommit}
		at += copy(b[at:], f.Written(0, int(from)+at))
	}
	return b
}

// Claims that stand among right records wait for each other, as they do elsewhere: the trailer of
// each is not read by itself.
func TestDamage_ClaimsAmongRecordsAreReadTogether(t *testing.T) {
	calls := func(size int) (got map[string]int64) {
		w, dir := newLog(t, WithSegmentSize(int64(3*size)), WithNoSync(),
			WithPreallocation(PreallocateNone))
		require.NoError(t, w.SaveEntry(entries(1, 1)))
		require.NoError(t, w.SaveEntry([]log.LogEntry{entry(1, 2, string(noise(size)))}))
		require.NoError(t, w.SaveEntry(entries(3, 3)))
		require.NoError(t, w.Close())
		path := segmentsOf(t, dir)[0]
		big := largest(framesOf(t, path))
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		defer f.Close()
		off := (payloadOf(big) + 64) &^ 7
		writeAt(t, f, off, claimsAndRecords(t, int(big.off+big.Size-off-200)&^15, off))
		flipAt(t, f, big.off+3, big.off+9)
		got = map[string]int64{}
		for _, v := range damageVerbs {
			if !v.changes {
				got[v.name] = costOf(t, dir, v.do).reads.calls
			}
		}
		return got
	}
	for _, size := range []int{64 << 10, 320 << 10} {
		for verb, n := range calls(size) {
			require.Less(t, n, int64(400+size>>10), "%s, %d bytes", verb, size)
		}
	}
}
