package wal

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/codec"
)

// markList is what marks are to do, told in the simplest way: the records, one after the other.
type markList []snapshotMark

func (l *markList) drop(gone func(snapshotMark) bool) { *l = slices.DeleteFunc(*l, gone) }

func (l *markList) find(want codec.SnapshotID) (m snapshotMark, known, ok bool) {
	for _, n := range slices.Backward(*l) {
		known = known || n.Index == want.Index
		if n.Is(want) {
			return n, true, true
		}
	}
	return m, known, false
}

func TestMarks_AreWhatTheRecordsSay(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	var list markList
	var ms marks
	seq := uint64(0)
	for range 20_000 {
		id := codec.SnapshotID{Index: rnd.Uint64N(20), Term: rnd.Uint64N(4), Termed: true}
		if id.Term == 0 {
			id.Termed = false
		}
		switch rnd.IntN(8) {
		default:
			seq += rnd.Uint64N(2)
			m := snapshotMark{id, seq}
			list.drop(func(n snapshotMark) bool { return n.SnapshotID == id })
			list = append(list, m)
			ms.add(m)
		case 0:
			i := rnd.Uint64N(20)
			list.drop(func(n snapshotMark) bool { return n.Index < i })
			ms.dropBelow(i)
		case 1:
			before := seq - min(seq, rnd.Uint64N(10))
			list.drop(func(n snapshotMark) bool { return n.seq < before })
			ms.dropBefore(before)
		}
		want, known, ok := list.find(id)
		got, gotKnown, gotOK := ms.find(id)
		require.Equal(t, []bool{known, ok}, []bool{gotKnown, gotOK})
		require.Equal(t, [2]uint64{want.Index, want.seq}, [2]uint64{got.Index, got.seq})
		low, left := ms.lowest()
		require.Equal(t, len(list) > 0, left)
		require.Len(t, ms.byID, len(list))
		if left {
			index, oldest := list[0].Index, list[0].seq
			for _, n := range list {
				index, oldest = min(index, n.Index), min(oldest, n.seq)
			}
			require.Equal(t, [2]uint64{index, oldest}, [2]uint64{low.Index, low.seq})
		}
	}
}

// To look at all marks for each would take a minute.
func TestMarks_ManyAreReleasedOneAfterTheOther(t *testing.T) {
	const n = 50_000
	var ms marks
	id := func(i uint64) codec.SnapshotID { return codec.SnapshotID{Index: i, Term: 1, Termed: true} }
	for i := uint64(1); i <= n; i++ {
		ms.add(snapshotMark{id(i), i / 10})
	}
	began := time.Now()
	for i := uint64(1); i <= n; i++ {
		m, _, ok := ms.find(id(i))
		require.True(t, ok)
		ms.dropBelow(i)
		ms.dropBefore(m.seq)
		low, _ := ms.lowest()
		require.Equal(t, m, low)
	}
	require.Less(t, time.Since(began), 10*time.Second)
}
