package wal

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/codec"
)

// What one Release takes does not grow with the number of segments. Not parallel with other tests:
// what they allocate would count.
func TestGrowth_ReleaseOfOneSegmentAfterTheOther(t *testing.T) {
	perRelease := func(n int) uint64 {
		w, _ := newLog(t, WithMemory(NewMemory()), WithSegmentSize(512), WithNoSync(),
			WithPreallocation(PreallocateNone))
		fillSegments(t, w, n)
		last := w.LastIndex()
		for i := uint64(1); i <= last; i++ {
			require.NoError(t, w.SaveSnap(at(i)))
		}
		bytes := allocated(func() {
			for i := uint64(1); i <= last; i++ {
				require.NoError(t, w.Release(at(i)))
			}
		})
		require.Greater(t, w.FirstIndex(), last/2)
		return bytes / last
	}
	few, many := perRelease(50), perRelease(500)
	require.Less(t, many, 3*few+1000, "%d bytes with few segments, %d with many", few, many)
}

// Taking back one jump after the other copies none of those that are left.
func TestGrowth_JumpsTakenBackOneAfterTheOther(t *testing.T) {
	const n = 1000
	var c contents
	for i := range uint64(n) {
		c.leap(10 + 2*i)
	}
	i := c.last
	require.Zero(t, testing.AllocsPerRun(n/2, func() {
		i -= 3
		c.truncateBack(i)
	}))
	require.Equal(t, i, c.last)
	require.Equal(t, i, c.jump.to[len(c.jump.to)-1])
	require.IsIncreasing(t, c.jump.to)
}

// What many compactions drop of many recorded snapshots is what they drop one after the other. To
// look at all snapshots for each would take half a minute for as many as stand here last.
func TestGrowth_CompactionsOfRecordedSnapshots(t *testing.T) {
	recorded := func(i uint64) recordedSnapshot {
		return recordedSnapshot{snapshotMark: snapshotMark{SnapshotID: codec.SnapshotID{Index: i}}}
	}
	rnd := rand.New(rand.NewPCG(3, 3))
	for range 500 {
		var r replay
		var want []recordedSnapshot
		for range 30 {
			i := rnd.Uint64N(10)
			switch rnd.IntN(4) {
			case 0:
				r.compactRecorded(i)
				want = slices.DeleteFunc(want, func(s recordedSnapshot) bool { return s.Index < i })
				for n := range want {
					want[n].committed = want[n].committed || want[n].Index == i
				}
			case 1:
				require.ElementsMatch(t, want, r.recordedSnapshots())
			default:
				r.recorded, want = append(r.recorded, recorded(i)), append(want, recorded(i))
			}
		}
		require.ElementsMatch(t, want, r.recordedSnapshots())
	}

	const n = 50_000
	var r replay
	for i := range uint64(n) {
		r.recorded = append(r.recorded, recorded(i))
	}
	began := time.Now()
	for i := range uint64(n) {
		r.compactRecorded(i)
		r.recorded = append(r.recorded, recorded(n))
	}
	require.Len(t, r.recordedSnapshots(), n+1)
	require.Less(t, time.Since(began), 10*time.Second)
}

// The names of segments do not ascend: an overwrite or a Restore begins one with a lower index.
func TestHolders_FindWhatHoldingFinds(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 2))
	for range 200 {
		var names []segmentName
		var h holders
		index, first := uint64(0), 0
		for seq := range uint64(50) {
			n := segmentName{seq, index}
			names = append(names, n)
			h.add(n)
			if rnd.IntN(8) == 0 {
				first += rnd.IntN(len(names) - first)
				h.dropBefore(names[first].seq)
			}
			for i := range index + 3 {
				at := holding(names[first:], i)
				got, ok := h.find(i)
				require.Equal(t, at >= 0, ok)
				if ok {
					require.Equal(t, names[first+at], got)
				}
			}
			index += rnd.Uint64N(4)
			if rnd.IntN(4) == 0 {
				index -= rnd.Uint64N(index + 1)
			}
		}
	}
}
