package wal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// A save whose first length word stands at the very end of a sector, and is lost with it. The word
// of its record without the trailer can have a single bit; then the record would be a plain one
// with a bit missing, and half a save would count.
func TestTorn_ASaveThatLostItsFirstLengthWordIsWholeOrGone(t *testing.T) {
	for n := 30; n < 500; n++ {
		if n == 130 { // records of 64 and 128 bytes, and then those of 512
			n = 480
		}
		dir := filepath.Join(t.TempDir(), "log")
		w, err := Create(nil, dir, nil, WithNoSync(), WithPreallocation(PreallocateNone))
		require.NoError(t, err)
		fill := 300
		for ; tailOf(w).off == 0 || tailOf(w).off%512 != 504; fill++ { // entry 1 again and again
			require.NoError(t, w.SaveEntry([]log.LogEntry{&walpb.Entry{Term: 1, Index: 1,
				Data: make([]byte, fill%40)}}))
		}
		at := tailOf(w).off
		first := w.LastIndex()
		_, _, want, err := w.ReadAll()
		require.NoError(t, err)
		bytes := make([]byte, n)
		for i := range bytes {
			bytes[i] = byte(i%250 + 1)
		}
		save := []log.LogEntry{&walpb.Entry{Term: 1, Index: first + 1, Data: bytes},
			entry(1, first+2, "the second one")}
		require.NoError(t, w.SaveEntry(save))
		whole := append(want[:len(want):len(want)], save...)
		end := tailOf(w).off
		w.Abandon()
		segment := segmentsOf(t, dir)[0]
		data, err := os.ReadFile(segment)
		require.NoError(t, err)
		clear(data[at : at+8])
		// and so are the sectors from there on
		for lost := end; lost > at+8; lost = (lost - 1) / 512 * 512 {
			clear(data[lost:])
			require.NoError(t, os.WriteFile(segment, data, 0o600))
			if got := readAll(t, dir, nil); len(got) != len(whole) || lost != end {
				require.Equal(t, want, got, "%d bytes, lost from %d on", n, lost)
			} else {
				require.Equal(t, whole, got, "%d bytes", n)
			}
		}
		require.NoError(t, os.RemoveAll(dir))
	}
}
