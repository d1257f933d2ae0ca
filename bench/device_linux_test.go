package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// How fast a save is varies from hour to hour. What the disk writes for it hardly does, so it has
// bounds: the blocks of the record, the zeros ahead, a flush, and one block more where saves are so
// slow that each of them finds another time in the file's inode. A change of what is written ahead
// changes them. With a limit of bytes a second the library writes no zeros ahead of large saves,
// and without one it may. The floor shows what the counters make of a bare loop. The lower bounds
// are those of a disk without a cache to flush.
func TestWhatTheDiskWritesForASave(t *testing.T) {
	b, _ := realDisk(t)
	for _, row := range []struct {
		contender      string
		size, saves    int
		limit          limit
		writes, kBytes float64 // at most
	}{
		{nameOurs, 1 << 10, 1000, limit{}, 3.3, 11},
		{nameOurs, 64 << 10, 500, limit{}, 4.5, 145},
		{nameOurs, 64 << 10, 1000, bandwidthLimit, 4.5, 76},
		{nameOurs, 64 << 10, 1000, writesLimit, 3.0, 145},
		{nameFloor, 1 << 10, 1000, limit{}, 3.2, 9.5},
		{nameFloor, 64 << 10, 500, limit{}, 3.2, 76},
	} {
		b.budget = budget{duration: time.Minute, saves: row.saves, ring: defaultSegment}
		c, err := b.contender(row.contender)
		require.NoError(t, err)
		s, err := b.runSaves(workload{config: config{size: row.size, batch: 1, writers: 1},
			limit: row.limit}, c)
		require.NoError(t, err)
		t.Logf("%s, %d B, %+v: %.2f writes and %.1f KB a save", row.contender, row.size, row.limit,
			s[metricWrites], s[metricBytes])
		require.GreaterOrEqual(t, s[metricWrites], 1.0)
		require.LessOrEqual(t, s[metricWrites], row.writes)
		require.GreaterOrEqual(t, s[metricBytes], float64(row.size)/1e3)
		require.LessOrEqual(t, s[metricBytes], row.kBytes)
	}
}
