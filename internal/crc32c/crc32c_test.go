package crc32c

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCRC_ZerosArePassedWithoutALookAtThem(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	zeros := make([]byte, 1<<20)
	for _, n := range []int{0, 1, 2, 7, 8, 63, 511, 4096, 65537, 1 << 20} {
		sum := rnd.Uint32()
		require.Equal(t, crc32.Update(sum, castagnoli, zeros[:n]), Zeros(sum, int64(n)), "%d zeros", n)
	}
	// Far ones: a terabyte of zeros is a thousand gigabytes.
	sum := rnd.Uint32()
	far := sum
	for range 1000 {
		far = Zeros(far, 1<<30)
	}
	require.Equal(t, far, Zeros(sum, 1000<<30))
	require.Equal(t, uint32(one), power(period), "the period")
	require.NotEqual(t, uint32(one), power(1<<30))
}

func TestCRC_AFlipIsFoundInDataOfAnySize(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 3))
	for _, n := range []int64{1, 100, 1 << 20, 64 << 20, period / 8} {
		for range min(20, 1<<30/n) {
			behind := rnd.Int64N(8 * n)
			bit, ok := FlippedBit(Flip(behind), n)
			require.True(t, ok)
			require.Equal(t, 8*n-1-behind, bit, "%d bytes", n)
		}
		_, ok := FlippedBit(0, n)
		require.False(t, ok)
	}
	_, ok := FlippedBit(Flip(5), 1<<29)
	require.False(t, ok, "there are two bits that it may be")
}
