package wal

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// countedBytes is a source in memory that counts how often it is read.
type countedBytes struct {
	*bytes.Reader
	reads int
}

func (c *countedBytes) ReadAt(b []byte, off int64) (int, error) {
	c.reads++
	return c.Reader.ReadAt(b, off)
}

func (c *countedBytes) Data(int64) (start, end int64, err error) { return 0, c.Size(), nil }

// A search that goes on from record to record would otherwise read the rest of the buffer again for
// each of them.
func TestWindow_UsesWhatWasReadAhead(t *testing.T) {
	data := bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7}, readSize/4)
	f := &countedBytes{Reader: bytes.NewReader(data)}
	win := window{f: f, name: "bytes", size: int64(len(data))}
	_, err := win.at(0, 8)
	require.NoError(t, err)
	require.Equal(t, 1, f.reads)
	for _, from := range []int64{8, readSize / 2, readSize - minAhead} {
		for p, err := range win.stretch(from, win.size) {
			require.NoError(t, err)
			require.Equal(t, from, p.off)
			require.Equal(t, data[from:readSize], p.data, "as far as it was read")
			break
		}
		require.Equal(t, 1, f.reads, "from %d", from)
	}
	var got []byte
	for p, err := range win.stretch(readSize-minAhead+8, win.size) {
		require.NoError(t, err)
		got = append(got, p.data...)
	}
	require.Equal(t, data[readSize-minAhead+8:], got, "next to nothing is left: it is read anew")
	require.Equal(t, 1+(len(data)-readSize+minAhead)/readSize+1, f.reads)
}
