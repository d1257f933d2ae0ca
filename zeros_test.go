package wal

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Wherever the bytes that are not zero stand, alone or in pairs, in blocks and at their borders.
func TestZeros_EndAtTheFirstAndTheLastOtherByte(t *testing.T) {
	block := len(zeroBlock)
	for _, size := range []int{0, 1, 8, block - 1, block, block + 1, 3*block + 5} {
		b := make([]byte, size)
		require.Equal(t, size, leadingZeros(b))
		require.Empty(t, trimZeros(b))
		places := []int{0, 1, 7, 8, block - 1, block, block + 1, 2*block - 1, 3 * block, size - 1}
		for _, first := range places {
			for _, last := range places {
				if first < 0 || first > last || last >= size {
					continue
				}
				b[first], b[last] = 1, 0x80
				require.Equal(t, first, leadingZeros(b), "%d bytes, %d to %d", size, first, last)
				require.Len(t, trimZeros(b), last+1, "%d bytes, %d to %d", size, first, last)
				b[first], b[last] = 0, 0
			}
		}
	}
}
