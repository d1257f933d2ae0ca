package wal

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/internal/frame"
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

// expand lists the entries of extents: they go from frame to frame, and pass over those that
// are not live.
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
		for n, i := 0, x.first; i < x.next; n++ {
			if x.live == nil || x.live.at(n) {
				out = append(out, frames[at+n])
				i++
			}
		}
	}
	return out, first
}

func TestIndex_AgreesWithANaiveOne(t *testing.T) {
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
				off += frame.WordSize * (1 + rnd.Int64N(pointSpacing/frame.WordSize/8))
				if rnd.IntN(100) == 0 { // one giant save
					off += math.MaxUint32 * frame.WordSize * rnd.Int64N(2)
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

		e := x.at(lo)
		require.Equal(t, found[0].off, e.off)
		requireNear(t, frames[e.name], naive.spots[lo-first], e, e.end)

		// In pieces it is the same.
		var pieces []extent
		for i := lo; i < hi; i = pieces[len(pieces)-1].next {
			part := x.lookUp(i, hi, 1+rnd.IntN(5), nil)
			require.NotEmpty(t, part)
			if part[0].first < i { // as a cursor that passes over what it has had
				before := part[0]
				before.next = i
				skip, _ := frames.expand(t, []extent{before})
				all, _ := frames.expand(t, part)
				require.Equal(t, naive.spots[i-first:part[len(part)-1].next-first], all[len(skip):])
			}
			pieces = append(pieces, part...)
		}
		require.Equal(t, hi, pieces[len(pieces)-1].next)
	}
}

// requireNear makes sure that little is read to find an entry, and enough: its frame begins less
// than pointSpacing behind the extent, and ends before the extent does, or that goes further than
// any of its frames begins.
func requireNear(t *testing.T, frames []spot, s spot, e extent, end int64) {
	t.Helper()
	require.Equal(t, s.name, e.name)
	require.GreaterOrEqual(t, s.off, e.off)
	require.Less(t, s.off-e.off, int64(pointSpacing))
	if end == 0 || end == e.off+2*pointSpacing {
		return
	}
	next := frames[slices.IndexFunc(frames, func(f spot) bool { return f.off == s.off })+1]
	require.GreaterOrEqual(t, end, next.off)
}

// What find returns does not change with the index.
func TestIndex_FoundExtentsAreACopy(t *testing.T) {
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
func TestIndex_TakesLessThanAHundredthOfTheLog(t *testing.T) {
	ent := &walpb.Entry{Term: 1, Index: 1 << 20, Data: make([]byte, 128)}
	var e encoder
	e.start(frame.Position{}, 1, true, false)
	require.NoError(t, e.appendRecord(codec.NewSavedTypes(log.NewRegistry()).Of(log.EntryType, ent),
		ent, frame.FlagCommit))
	size := e.end()
	const total = 256 << 20
	for _, segment := range []int64{64 << 10, 100 << 10, 1 << 20, 64 << 20, total} {
		bytes := heapOf(func() any {
			x := &index{}
			i, name, off := uint64(1), segmentName{}, int64(0)
			for range total / size {
				if off+size > segment {
					name, off = segmentName{name.seq + 1, i}, 0
				}
				x.add(i, i+1, name, off, 0)
				i, off = i+1, off+size
			}
			return x
		})
		t.Logf("entries of 128 bytes in frames of %d, segments of %d KiB: %.3f %%", size, segment>>10,
			100*float64(bytes)/total)
		require.Less(t, bytes, int64(total/100))
	}
}

// Adding never copies more than a chunk: what it allocates in all is bounded by what it keeps.
func TestIndex_AddingCopiesLittle(t *testing.T) {
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

// Entries that are saved again and again, as a group or one by one, cost a bit a frame more, not a
// run each: the index stays below 1.5 % of the log's bytes.
func TestIndex_OfEntriesThatAreReplacedIsSmall(t *testing.T) {
	const total, segment = 32 << 20, 1 << 20
	for _, c := range []struct{ frame, times, back int64 }{
		{48, 2, 1}, {24, 2, 1}, {24, 5, 1}, {48, 2, 3}, {24, 2, 50}, {24, 2, 100}, {24, 2, 1000},
		{144, 2, 20},
	} {
		entries := 0
		bytes := heapOf(func() any {
			x := &index{}
			i, name, off := uint64(1), segmentName{}, int64(0)
			for off += c.frame; int64(name.seq)*segment+off < total; {
				for range c.times {
					for n := range uint64(c.back) {
						if off+c.frame > segment {
							name, off = segmentName{name.seq + 1, i + n}, 0
						}
						x.add(i+n, i+n+1, name, off, 0)
						off += c.frame
					}
				}
				i += max(uint64(c.back)/2, 1)
			}
			entries = int(i)
			return x
		})
		t.Logf("frames of %d bytes, %d at a time saved %d times: %.3f %%, %.2f bytes an entry",
			c.frame, c.back, c.times, 100*float64(bytes)/total, float64(bytes)/float64(entries))
		require.Less(t, bytes, int64(total*15/1000))
	}
}
