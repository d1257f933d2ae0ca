package etcdraft

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"go.etcd.io/raft/v3/raftpb"
)

// Random lives of a log: the ranges say what a list of all terms says, and are found again with few
// reads.
func TestTerms_AreThoseOfEveryEntry(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		var got terms
		got.reset(0, 0)
		first, all, term := uint64(0), []uint64{0}, uint64(1) // all has the term of the dummy first
		for range 100 {
			last := first + uint64(len(all)) - 1
			switch k := rnd.IntN(10); {
			case k == 0 && last > first:
				i := first + 1 + rnd.Uint64N(last-first)
				got.compact(i)
				all, first = all[i-first:], i
			case k == 1:
				first, all = last+rnd.Uint64N(5), []uint64{term}
				got.reset(first, term)
			default:
				if rnd.IntN(4) == 0 {
					term += 1 + rnd.Uint64N(3)
				}
				i := last + 1
				if term > all[len(all)-1] && rnd.IntN(2) == 0 {
					i = first + 1 + rnd.Uint64N(last-first+1)
				}
				for n := 1 + rnd.IntN(8); n > 0; n-- {
					got.add(i, term)
					all = append(all[:i-first], term)
					i++
				}
			}
			for i, term := range all {
				require.Equal(t, term, got.of(first+uint64(i)), "seed %d", seed)
			}
			var found terms
			found.reset(first, all[0])
			reads := 0
			require.NoError(t, found.find(first+uint64(len(all))-1, func(i uint64) (uint64, error) {
				reads++
				return all[i-first], nil
			}))
			require.Equal(t, got.ranges, found.ranges, "seed %d", seed)
			require.LessOrEqual(t, reads, 1+len(got.ranges)*12, "seed %d", seed)
		}
	}
}

// Small entries make the array long. It must not hold on to the large ones that come and go after
// them.
func TestTail_HoldsNoMoreThanTwiceItsLimit(t *testing.T) {
	const large = 1 << 20
	tl, next := tail{limit: 8 << 20, next: 1}, uint64(1)
	add := func(size int) {
		tl.add([]*raftpb.Entry{{Index: new(next), Data: make([]byte, size)}})
		next++
	}
	for range 60_000 {
		add(1)
	}
	for range 200 {
		add(large)
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	require.Less(t, m.HeapAlloc, uint64(2*tl.limit+8*large))
	require.NotEmpty(t, tl.ents)
	runtime.KeepAlive(&tl)
}

// A tail that holds nothing costs no more than one that holds all.
func TestTail_WithoutRoomCopiesNothing(t *testing.T) {
	for _, limit := range []int{0, 500} {
		tl := tail{limit: limit, next: 1}
		ents := make([]*raftpb.Entry, 20_000)
		for i := range ents {
			ents[i] = &raftpb.Entry{Index: new(uint64(i + 1))}
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		tl.add(ents)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
		require.LessOrEqual(t, tl.bytes, limit)
	}
}

// What the tail hands out stays as it is, and its bytes stay below the limit.
func TestTail_HandsOutWhatNeverChanges(t *testing.T) {
	type handed struct{ ents, copied []*raftpb.Entry }
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		tl := tail{limit: 3000, next: 1}
		last, term := uint64(0), uint64(1)
		var out []handed
		for range 100 {
			lo := last + 1
			if rnd.IntN(5) == 0 && last > 0 {
				lo, term = 1+rnd.Uint64N(last), term+1
			}
			last = lo + rnd.Uint64N(6)
			var ents []*raftpb.Entry
			for i := lo; i <= last; i++ {
				data := make([]byte, rnd.IntN(200))
				ents = append(ents, &raftpb.Entry{Index: &i, Term: new(term), Data: data})
			}
			tl.add(ents)
			if rnd.IntN(10) == 0 {
				tl.compact(1 + rnd.Uint64N(last))
			}
			size := 0
			for i, e := range tl.ents {
				require.Equal(t, tl.first()+uint64(i), e.GetIndex())
				size += cost(e)
			}
			require.Equal(t, last+1, tl.next)
			require.Equal(t, tl.bytes, size)
			require.LessOrEqual(t, size, tl.limit)
			if first := tl.first(); first <= last {
				a := first + rnd.Uint64N(last-first+1)
				h := tl.from(a, last+1)
				out = append(out, handed{h, append([]*raftpb.Entry(nil), h...)})
			}
			for _, h := range out {
				require.Equal(t, h.copied, h.ents)
			}
		}
	}
}
