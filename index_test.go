package wal

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// spot is where an entry stands.
type spot struct {
	name segmentName
	off  int64
	crc  uint32
}

// naiveIndex is the index as a list with a spot for every entry.
type naiveIndex struct {
	first uint64
	spots []spot
}

func (x *naiveIndex) next() uint64 { return x.first + uint64(len(x.spots)) }

func (x *naiveIndex) truncate(i uint64) {
	x.spots = x.spots[:min(max(i, x.first)-x.first, uint64(len(x.spots)))]
}

func (x *naiveIndex) dropBefore(seq uint64) {
	for len(x.spots) > 0 && x.spots[0].name.seq < seq {
		x.first++
		x.spots = x.spots[1:]
	}
}

// expand lists the entries of extents, given every frame that was ever written:
// a run goes from frame to frame, so all of it must stand one after the other.
func expand(t *testing.T, extents []extent, frames map[segmentName][]int64, spots map[segmentName]map[int64]uint32) (out []spot, first uint64) {
	t.Helper()
	for k, x := range extents {
		require.Less(t, x.first, x.next)
		if k == 0 {
			first = x.first
		} else {
			require.Equal(t, extents[k-1].next, x.first, "no gap")
		}
		require.Equal(t, spots[x.name][x.off], x.crc)
		at := -1
		for j, off := range frames[x.name] {
			if off == x.off {
				at = j
			}
		}
		require.GreaterOrEqual(t, at, 0)
		for i := x.first; i < x.next; i++ {
			off := frames[x.name][at+int(i-x.first)]
			require.Less(t, off-x.off, int64(extentBytes), "an extent is bounded")
			out = append(out, spot{x.name, off, spots[x.name][off]})
		}
	}
	return out, first
}

func TestIndexAgreesWithANaiveOne(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			x, naive := &index{}, &naiveIndex{first: 1}
			name, off := segmentName{}, int64(100)
			frames := map[segmentName][]int64{}
			crcs := map[segmentName]map[int64]uint32{}
			add := func(i uint64) {
				s := spot{name, off, rnd.Uint32()}
				if crcs[name] == nil {
					crcs[name] = map[int64]uint32{}
				}
				frames[name], crcs[name][off] = append(frames[name], off), s.crc
				x.add(i, i+1, s.name, s.off, s.crc)
				naive.truncate(i)
				if len(naive.spots) == 0 {
					naive.first = i
				}
				naive.spots = append(naive.spots, s)
				off += wordSize * (1 + rnd.Int64N(extentBytes/100))
			}
			for range 400 {
				first, next := naive.first, naive.next()
				switch k := rnd.IntN(20); {
				case k < 13:
					add(next)
				case k < 15 && next > first: // an overwrite
					add(first + rnd.Uint64N(next-first))
				case k < 16: // a truncation, perhaps of nothing
					i := first + rnd.Uint64N(next-first+2)
					x.truncate(i)
					naive.truncate(i)
				case k < 18: // a new segment
					name, off = segmentName{name.seq + 1, next}, 100
				case k < 19: // a purge
					seq := name.seq - min(name.seq, rnd.Uint64N(4))
					x.dropBefore(seq)
					naive.dropBefore(seq)
				case rnd.IntN(5) == 0: // a snapshot that is ahead
					x.clear()
					naive.first, naive.spots = next+rnd.Uint64N(50), nil
				}
				compareIndexes(t, rnd, x, naive, frames, crcs)
			}
		})
	}
}

func compareIndexes(t *testing.T, rnd *rand.Rand, x *index, naive *naiveIndex, frames map[segmentName][]int64, crcs map[segmentName]map[int64]uint32) {
	t.Helper()
	if len(naive.spots) == 0 {
		require.Empty(t, x.extents)
		require.Empty(t, x.find(1, 1000))
		return
	}
	all, first := expand(t, x.extents, frames, crcs)
	require.Equal(t, naive.first, first)
	require.Equal(t, naive.spots, all)

	n := uint64(len(naive.spots))
	lo := naive.first + rnd.Uint64N(n)
	hi := lo + 1 + rnd.Uint64N(naive.next()-lo)
	found := x.find(lo, hi)
	got, first := expand(t, found, frames, crcs)
	require.LessOrEqual(t, first, lo)
	require.Greater(t, found[0].next, lo, "nothing that is not needed")
	require.Equal(t, hi, found[len(found)-1].next)
	require.Equal(t, naive.spots[lo-naive.first:hi-naive.first], got[lo-first:])
}

// What find returns does not change with the index.
func TestFoundExtentsAreACopy(t *testing.T) {
	var x index
	for i := uint64(1); i <= 10; i++ {
		x.add(i, i+1, segmentName{}, int64(i*8), 0)
	}
	found := x.find(3, 6)
	before := found[0]
	x.truncate(2)
	x.add(2, 3, segmentName{seq: 1}, 0, 0)
	require.Equal(t, before, found[0])
	require.EqualValues(t, 6, before.next)
}

// Many small entries in a row take one extent per extentBytes.
func TestIndexOfManySmallEntriesIsSparse(t *testing.T) {
	var x index
	const entries, frame = 100_000, 40
	for i := range uint64(entries) {
		x.add(i+1, i+2, segmentName{}, int64(i*frame), 0)
	}
	require.LessOrEqual(t, len(x.extents), entries*frame/extentBytes+1)
	require.Equal(t, uint64(entries+1), x.extents[len(x.extents)-1].next)
}
