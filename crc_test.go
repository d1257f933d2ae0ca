package wal

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCRC_ZerosArePassedWithoutALookAtThem(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	zeros := make([]byte, 1<<20)
	for _, n := range []int{0, 1, 2, 7, 8, 63, 511, 4096, 65537, 1 << 20} {
		sum := rnd.Uint32()
		require.Equal(t, crc32c(sum, zeros[:n]), crcZeros(sum, int64(n)), "%d zeros", n)
	}
	// Far ones: a terabyte of zeros is a thousand gigabytes.
	sum := rnd.Uint32()
	far := sum
	for range 1000 {
		far = crcZeros(far, 1<<30)
	}
	require.Equal(t, far, crcZeros(sum, 1000<<30))
	require.Equal(t, uint32(crcOne), crcPower(crcPeriod), "the period")
	require.NotEqual(t, uint32(crcOne), crcPower(1<<30))
}

func TestCRC_AFlipIsFoundInDataOfAnySize(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 3))
	for _, n := range []int64{1, 100, 1 << 20, 64 << 20, crcPeriod / 8} {
		for range min(20, 1<<30/n) {
			behind := rnd.Int64N(8 * n)
			bit, ok := flippedBit(crcOfFlip(behind), n)
			require.True(t, ok)
			require.Equal(t, 8*n-1-behind, bit, "%d bytes", n)
		}
		_, ok := flippedBit(0, n)
		require.False(t, ok)
	}
	_, ok := flippedBit(crcOfFlip(5), 1<<29)
	require.False(t, ok, "there are two bits that it may be")
}

// The pieces of a frame add up in portions to what the encoder counts at once.
func TestPiecesAddUpInPortions(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 3))
	for range 300 {
		off := rnd.Int64N(200) * 8
		b := make([]byte, rnd.IntN(3000)+24)
		for range rnd.IntN(8) {
			b[rnd.IntN(len(b)-16)] ^= 1 << rnd.IntN(8)
		}
		b[len(b)-1] = trailerMark
		lost, end := false, off+int64(len(b))
		for at := off; at < end; {
			to := min((at/sectorSize+1)*sectorSize, end)
			lost = lost || isZero(b[at-off:to-off])
			at = to
		}
		p := &pieces{off: off}
		for rest := b; len(rest) > 0; {
			n := 1 + rnd.IntN(len(rest))
			if isZero(rest[:n]) {
				p.zeros(int64(n))
			} else {
				p.add(rest[:n])
			}
			rest = rest[n:]
		}
		p.end()
		require.Equal(t, thinness(b, off), p.thinness(), "%d bytes at %d", len(b), off)
		require.Equal(t, lost, p.lost)
	}
}
