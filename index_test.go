package wal

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
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

// frameList is every frame that was ever written, with the checksum before it.
type frameList map[segmentName][]spot

// expand lists the entries of extents: they go from frame to frame, so all of
// an extent must stand one after the other.
func (l frameList) expand(t *testing.T, extents []extent) (out []spot, first uint64) {
	t.Helper()
	for k, x := range extents {
		require.Less(t, x.first, x.next)
		if k == 0 {
			first = x.first
		} else {
			require.Equal(t, extents[k-1].next, x.first, "no gap")
		}
		frames := l[x.name]
		at := slices.IndexFunc(frames, func(s spot) bool { return s.off == x.off })
		require.GreaterOrEqual(t, at, 0)
		require.Equal(t, frames[at].crc, x.crc)
		out = append(out, frames[at:at+int(x.next-x.first)]...)
	}
	return out, first
}

func TestIndexAgreesWithANaiveOne(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			x, naive := &index{}, &naiveIndex{first: 1}
			name, off := segmentName{}, int64(100)
			frames := frameList{}
			add := func(i uint64) {
				s := spot{name, off, rnd.Uint32()}
				frames[name] = append(frames[name], s)
				x.add(i, i+1, s.name, s.off, s.crc)
				naive.truncate(i)
				if len(naive.spots) == 0 {
					naive.first = i
				}
				naive.spots = append(naive.spots, s)
				off += wordSize * (1 + rnd.Int64N(pointSpacing/wordSize/8))
				if rnd.IntN(100) == 0 { // one giant save
					off += math.MaxUint32 * wordSize * rnd.Int64N(2)
				}
			}
			for range 1000 {
				first, next := naive.first, naive.next()
				switch k := rnd.IntN(20); {
				case k < 13:
					for range 1 + rnd.Uint64N(30) {
						add(naive.next())
					}
				case k < 15 && next > first: // an overwrite
					add(first + rnd.Uint64N(next-first))
				case k < 16: // a truncation, perhaps of nothing
					i := first + rnd.Uint64N(next-first+2)
					x.truncate(i)
					naive.truncate(i)
				case k < 17: // a new segment
					name, off = segmentName{name.seq + 1, next}, 100
				case k < 18: // a purge
					seq := name.seq - min(name.seq, rnd.Uint64N(20))
					x.dropBefore(seq)
					naive.dropBefore(seq)
				case rnd.IntN(20) == 0: // a snapshot that is ahead
					x.clear()
					naive.first, naive.spots = next+rnd.Uint64N(50), nil
				}
				compareIndexes(t, rnd, x, naive, frames)
			}
		})
	}
}

func compareIndexes(t *testing.T, rnd *rand.Rand, x *index, naive *naiveIndex, frames frameList) {
	t.Helper()
	first, ok := x.first()
	require.Equal(t, len(naive.spots) > 0, ok)
	if !ok {
		require.Empty(t, x.find(1, 1000))
		return
	}
	require.Equal(t, naive.first, first)
	for range 4 {
		lo := first + rnd.Uint64N(uint64(len(naive.spots)))
		hi := lo + 1 + rnd.Uint64N(naive.next()-lo)
		if rnd.IntN(10) == 0 {
			lo, hi = naive.first, naive.next() // all
		}
		found := x.find(lo, hi)
		got, from := frames.expand(t, found)
		require.LessOrEqual(t, from, lo)
		require.Greater(t, found[0].next, lo, "nothing that is not needed")
		require.Equal(t, hi, found[len(found)-1].next)
		require.Equal(t, naive.spots[lo-first:hi-first], got[lo-from:])

		e, end := x.at(lo)
		require.Equal(t, found[0].off, e.off)
		requireNear(t, frames[e.name], naive.spots[lo-first], e, end)
	}
}

// requireNear makes sure that little is read to find an entry, and enough: its
// frame begins less than pointSpacing behind the extent, and ends before the extent does.
func requireNear(t *testing.T, frames []spot, s spot, e extent, end int64) {
	t.Helper()
	require.Equal(t, s.name, e.name)
	require.GreaterOrEqual(t, s.off, e.off)
	require.Less(t, s.off-e.off, int64(pointSpacing))
	if end == 0 {
		return
	}
	next := frames[slices.IndexFunc(frames, func(f spot) bool { return f.off == s.off })+1]
	require.GreaterOrEqual(t, end, next.off)
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

// heapOf is how much more memory is in use while what build returns is kept.
func heapOf(build func() any) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := build()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

// The index takes less than 1 % of the log's bytes, in the memory that it really
// takes, with entries of 128 bytes, in segments of every size that is of use.
func TestIndexTakesLessThanAHundredthOfTheLog(t *testing.T) {
	ent := &walpb.Entry{Term: 1, Index: 1 << 20, Data: make([]byte, 128)}
	var e encoder
	e.start(place{}, 1, true, false)
	require.NoError(t, e.appendRecord(newSavedTypes(log.NewRegistry()).of(log.EntryType, ent), ent, flagCommit))
	frame := e.end()
	const total = 256 << 20
	for _, segment := range []int64{64 << 10, 100 << 10, 1 << 20, 64 << 20, total} {
		bytes := heapOf(func() any {
			x := &index{}
			i, name, off := uint64(1), segmentName{}, int64(0)
			for range total / frame {
				if off+frame > segment {
					name, off = segmentName{name.seq + 1, i}, 0
				}
				x.add(i, i+1, name, off, 0)
				i, off = i+1, off+frame
			}
			return x
		})
		t.Logf("entries of 128 bytes in frames of %d, segments of %d KiB: %.3f %%", frame, segment>>10, 100*float64(bytes)/total)
		require.Less(t, bytes, int64(total/100))
	}
}

// Adding never copies more than a chunk: what it allocates in all is bounded by what it keeps.
func TestAddingToTheIndexCopiesLittle(t *testing.T) {
	const entries, frame = 1 << 20, 2 << 10
	bytes := int64(testing.AllocsPerRun(1, func() {
		var x index
		for i := range uint64(entries) {
			x.add(i+1, i+2, segmentName{}, int64(i*frame), 0)
		}
	}))
	// A chunk grows in 7 steps; their list is copied now and then.
	require.LessOrEqual(t, bytes, int64(entries/chunkPoints*7+100))
}
