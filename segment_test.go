package wal

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSegment_Names(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		n := segmentName{rnd.Uint64() >> rnd.IntN(64), rnd.Uint64() >> rnd.IntN(64)}
		require.Equal(t, fmt.Sprintf("%016x-%016x.wal", n.seq, n.index), n.String())
		got, ok := parseSegmentName(n.String())
		require.True(t, ok)
		require.Equal(t, n, got)
	}
	for _, s := range []string{
		"", "0.tmp", "0000000000000000-0000000000000000.wa",
		"0000000000000000-0000000000000000.wal.broken",
		"0000000000000000_0000000000000000.wal", "000000000000000A-0000000000000000.wal",
		"+000000000000000-0000000000000000.wal", "0000000000000000-000000000000000g.wal",
		"0x00000000000000-0000000000000000.wal", "0000000000000000-0000000000000000.wax",
		"0_00000000000000-0000000000000000.wal", "0000000000000000-000000000000000 .wal",
	} {
		_, ok := parseSegmentName(s)
		require.False(t, ok, s)
	}
}
