package vfs

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Space that is only reserved is a hole, also after it was read, once that is forgotten.
func TestData_ReservedSpaceIsAHoleOnceItsReadingIsForgotten(t *testing.T) {
	const written, size = 8 << 10, 4 << 20
	d, err := OS{}.OpenDir(t.TempDir())
	require.NoError(t, err)
	defer d.Close()
	f, err := d.CreateNew("file")
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Reserve(size))
	_, err = f.WriteAt(make([]byte, written), 0)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	if start, end, err := f.Data(0); err != nil || start != 0 || end != written {
		t.Skipf("the file system does not say what is reserved: %d, %d, %v", start, end, err)
	}
	_, err = f.ReadAt(make([]byte, size), 0)
	require.NoError(t, err)
	f.Forget(100)
	start, end, err := f.Data(100)
	require.NoError(t, err)
	require.EqualValues(t, 100, start)
	require.EqualValues(t, written, end)
	start, end, err = f.Data(written)
	require.NoError(t, err)
	require.EqualValues(t, size, start)
	require.EqualValues(t, size, end)
}
