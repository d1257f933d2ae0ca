package wal

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
)

// Damage that no snapshot makes needless is an error, and Repair says what cutting it takes.
func TestRepair_SaysBeforeWhatIsLost(t *testing.T) {
	im, snap := needlessLog(t)
	names := im.names()
	bad := im.clone()
	bad[names[5]][150] ^= 8
	_, err := ValidSnapshots(nil, memDir, withFS(newMemFS(bad)))
	require.ErrorIs(t, err, ErrCorrupt)
	for _, opts := range [][]Option{nil, {WithDryRun()}} {
		report, after, err := repaired(bad, opts...)
		require.ErrorIs(t, err, ErrCorrupt)
		require.True(t, bad.equal(after))
		require.Equal(t, report.Corruption.FirstIndex, report.Lost.FirstIndex)
		require.Equal(t, report.Corruption.LastIndex, report.Lost.LastIndex)
		require.NotZero(t, report.Lost.FirstIndex)
		require.NotZero(t, report.Lost.Bytes)
		require.Equal(t, len(names), report.Segments)
	}
	planned, after, err := repaired(bad, WithTruncateCorruption(), WithDryRun())
	require.NoError(t, err)
	require.True(t, bad.equal(after))
	report, after, err := repaired(bad, WithTruncateCorruption())
	require.NoError(t, err)
	planned.Broken = report.Broken
	require.Equal(t, planned, report)
	listed, err := ValidSnapshots(nil, memDir, withFS(newMemFS(after)))
	require.NoError(t, err)
	require.Equal(t, listed, report.OpensAt)
	require.Contains(t, listed, log.Snapshot(at(snap)))
	require.EqualValues(t, report.Lost.FirstIndex-1, report.LastIndex)

	torn := im.clone()
	last := names[len(names)-1]
	torn[last] = append(torn[last], 7, 7, 7)
	report, after, err = repaired(torn, WithDryRun())
	require.NoError(t, err)
	require.NotNil(t, report.Torn)
	require.True(t, torn.equal(after), "nor is a torn tail healed")
	require.Zero(t, report.Lost)
}

// In etcd's format each record counts as a save, but a segment without its metadata does not open.
func TestRepair_NeverCutsWithinTheHeadOfASegment(t *testing.T) {
	m := newMemFS(nil)
	w, err := Create(nil, memDir, []byte("metadata"), withFS(m), WithSegmentSize(512),
		WithPreallocation(PreallocateNone), WithEtcdFormat())
	require.NoError(t, err)
	fillSegments(t, w, 3)
	require.NoError(t, w.Close())
	im := m.image()
	names := im.names()
	for _, name := range []string{names[0], names[1], names[len(names)-1]} {
		for off := 5; off < 48; off += 6 {
			bad := im.clone()
			bad[name][off] ^= 1 << (off % 8)
			report, after, err := repaired(bad, WithTruncateCorruption())
			if err != nil {
				require.ErrorIs(t, err, ErrCorrupt)
				require.True(t, bad.equal(after))
				continue
			}
			require.NotNil(t, report)
			_, err = Verify(nil, memDir, withFS(newMemFS(after.clone())))
			require.NoError(t, err, "%s, offset %d", name, off)
			_, err = Open(nil, memDir, nil, withFS(newMemFS(after)))
			require.NoError(t, err, "%s, offset %d", name, off)
		}
	}
}
