package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFloorWritesDataAndOverheadOfAllWriters(t *testing.T) {
	require.Len(t, config{size: 128, batch: 1, writers: 1}.frames(), 168)
	require.Len(t, config{size: 100, batch: 2, writers: 3}.frames(), 6*144)
}

// A floor that wrote to wrong offsets would be just as fast.
func TestDirectAppendsBytesInOrder(t *testing.T) {
	f, err := zeroed(t.TempDir(), 8*directBlock)
	require.NoError(t, err)
	d := &direct{f: f, size: 8 * directBlock, buf: aligned(4 * directBlock)}
	var want []byte
	for i := range 9 {
		piece := make([]byte, 3000)
		for j := range piece {
			piece[j] = byte(1 + i)
		}
		require.NoError(t, d.append(piece))
		want = append(want, piece...)
	}
	require.NoError(t, f.Close())
	got, err := os.ReadFile(filepath.Join(f.Name()))
	require.NoError(t, err)
	require.Equal(t, append(want, make([]byte, len(got)-len(want))...), got)
}

func TestDirectBeginsAgainAtTheEnd(t *testing.T) {
	f, err := zeroed(t.TempDir(), 2*directBlock)
	require.NoError(t, err)
	d := &direct{f: f, size: 2 * directBlock, buf: aligned(3 * directBlock)}
	for range 7 {
		require.NoError(t, d.append(make([]byte, 3000)))
	}
	require.NoError(t, f.Close())
	info, err := os.Stat(f.Name())
	require.NoError(t, err)
	require.EqualValues(t, 2*directBlock, info.Size())
}
