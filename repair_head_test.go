package wal

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/walpb"
)

// In etcd's format each record counts as a save, but a segment without its whole head is none: the
// log would not open, or would have lost the state that the head carries. So a repair cuts before
// the segment, or refuses where there is nothing before it; it never succeeds to no avail.
func TestRepair_DamageToTheHeadOfAPlainSegment(t *testing.T) {
	for segment := range 3 {
		for record := range 3 {
			for what, at := range map[string]int64{"length word": 0, "type": 9, "checksum": 12} {
				t.Run(fmt.Sprintf("%s of record %d of segment %d", what, record, segment), func(t *testing.T) {
					w, dir := newLog(t, WithEtcdFormat(), WithNoSync())
					st := &walpb.HardState{Term: 3, Vote: 2, Commit: 1}
					require.NoError(t, w.Save(st, entries(1, 1)))
					fillSegments(t, w, 2)
					require.NoError(t, w.Close())
					path := segmentsOf(t, dir)[segment]
					f, err := os.OpenFile(path, os.O_RDWR, 0)
					require.NoError(t, err)
					defer f.Close()
					flipAt(t, f, framesOf(t, path)[record].off+at)

					before := files(t, dir)
					_, err = Repair(nil, dir, WithTruncateCorruption())
					if err != nil {
						require.Zero(t, segment, "there is something before it: %v", err)
						require.Equal(t, before, files(t, dir))
						return
					}
					w, err = Open(nil, dir, nil, WithEtcdFormat())
					require.NoError(t, err)
					if segment > 0 {
						require.Equal(t, st, w.State())
						segs := segmentsOf(t, dir)
						last := framesOf(t, segs[len(segs)-1])
						require.Greater(t, len(last), headerRecords, "the last segment carries no state")
					}
				})
			}
		}
	}
}
