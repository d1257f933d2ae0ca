package frame

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

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
			to := min((at/SectorSize+1)*SectorSize, end)
			lost = lost || isZero(b[at-off:to-off])
			at = to
		}
		p := &Pieces{Off: off}
		for rest := b; len(rest) > 0; {
			n := 1 + rnd.IntN(len(rest))
			if isZero(rest[:n]) {
				p.Zeros(int64(n))
			} else {
				p.Add(rest[:n])
			}
			rest = rest[n:]
		}
		p.End()
		require.Equal(t, SparsityOf(b, off), p.Sparsity(), "%d bytes at %d", len(b), off)
		require.Equal(t, lost, p.Lost)
	}
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
