package vfs_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// Stored reports what was written, wherever it begins and ends. On a file system without direct
// reads it cannot find that out.
func TestStoredIsWhatTheDeviceHas(t *testing.T) {
	d := openDir(t, t.TempDir())
	f, err := d.CreateLocked("f")
	require.NoError(t, err)
	defer f.Close()
	data := bytes.Repeat([]byte("0123456789"), 2000)
	_, err = f.WriteAt(data, 0)
	require.NoError(t, err)
	if !f.Stored(data, 0) {
		t.Skip("needs a file system with direct reads")
	}
	for _, r := range [][2]int64{{0, 1}, {1, 4096}, {4095, 4097}, {5000, 19_000}, {19_999, 20_000}} {
		require.True(t, f.Stored(data[r[0]:r[1]], r[0]), r)
		other := bytes.Clone(data[r[0]:r[1]])
		other[len(other)-1]++
		require.False(t, f.Stored(other, r[0]), r)
	}
	require.False(t, f.Stored(append(data, 0), 0), "beyond the end")
}
