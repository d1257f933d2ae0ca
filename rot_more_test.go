package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Damage of more than one bit or sector, and to whole files, at random places of logs of all
// shapes. A reader must then say ErrCorrupt, or give exactly what was saved. Where less than that
// is allowed, it is what was there after an earlier save, and never anything else.

// moreRot is the number of random damages of each kind to each shape; many times
// more with fullRot.
const moreRot = 25

// randomRots are ways to damage an image at random.
var randomRots = []struct {
	name string
	do   func(im image, rng *rand.Rand) string
}{
	{"two flips", func(im image, rng *rand.Rand) string {
		what := ""
		for range 2 {
			name, off := somewhere(im, rng)
			bit := rng.IntN(8)
			im[name][off] ^= 1 << bit
			what += fmt.Sprintf(" bit %d of byte %d of %s", bit, off, name)
		}
		return what
	}},
	{"two flips in a frame's reach", func(im image, rng *rand.Rand) string {
		name, off := somewhere(im, rng)
		near := min(off+rng.IntN(64), len(im[name])-1)
		im[name][off] ^= 1 << rng.IntN(8)
		im[name][near] ^= 1 << rng.IntN(8)
		return fmt.Sprintf("bytes %d and %d of %s", off, near, name)
	}},
	{"garbage", func(im image, rng *rand.Rand) string {
		b, what := piece(im, rng)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return what
	}},
	{"ones", func(im image, rng *rand.Rand) string {
		b, what := piece(im, rng)
		fill(b, 0xFF)
		return what
	}},
	{"swapped", func(im image, rng *rand.Rand) string {
		a, here := piece(im, rng)
		b, there := piece(im, rng)
		n := min(len(a), len(b))
		was := bytes.Clone(a[:n])
		copy(a[:n], b[:n])
		copy(b[:n], was)
		return here + " and " + there
	}},
	{"misdirected", func(im image, rng *rand.Rand) string {
		from, here := piece(im, rng)
		to, there := piece(im, rng)
		copy(to, bytes.Clone(from))
		return here + " over " + there
	}},
}

// somewhere is a random byte of the image.
func somewhere(im image, rng *rand.Rand) (name string, off int) {
	names := slices.DeleteFunc(im.names(), func(n string) bool { return len(im[n]) == 0 })
	name = names[rng.IntN(len(names))]
	return name, rng.IntN(len(im[name]))
}

// piece is a random sector of the image, or now and then a 4-KiB block.
func piece(im image, rng *rand.Rand) ([]byte, string) {
	name, off := somewhere(im, rng)
	size := 512
	if rng.IntN(4) == 0 {
		size = 4096
	}
	off = off / size * size
	end := min(off+size, len(im[name]))
	return im[name][off:end], fmt.Sprintf("bytes %d to %d of %s", off, end, name)
}

// savedContents is what a shape's log held after each of its records, as far as the log on disk tells: the
// content of every prefix that ends with a whole save.
func savedContents(t *testing.T, im image) []string {
	var all []string
	names := im.names()
	for i, name := range names {
		n, ok := parseSegmentName(name)
		require.True(t, ok)
		prefix := image{}
		for _, before := range names[:i] {
			prefix[before] = im[before]
		}
		for off := 0; off < len(im[name]); {
			f, ok := readFrame(im[name], n.seq, off)
			if !ok {
				break
			}
			off += f.size
			prefix[name] = im[name][:off]
			if got, err := readContent(prefix); err == nil {
				all = append(all, got)
			}
		}
	}
	return all
}

// moreRotCase is a log, and what can be lost of it unseen.
type moreRotCase struct {
	im       image
	want     string
	contents []string // after each save
	last     string   // the last segment
	synced   int      // where its last record stands that says SYNCED
}

func newMoreRotCase(t *testing.T, im image) *moreRotCase {
	want, err := readContent(im)
	require.NoError(t, err)
	names := im.names()
	c := &moreRotCase{im: im, want: want, contents: savedContents(t, im), last: names[len(names)-1]}
	c.synced = lastSynced(t, c.last, im[c.last])
	require.Contains(t, c.contents, want)
	return c
}

// judge reads a damaged log in every way and returns whether less came out. What
// comes out is what was saved, or, if less is allowed, what was there after an earlier save.
func (c *moreRotCase) judge(t *testing.T, im image, what string, lessAllowed bool) (refused, less bool) {
	for _, reader := range rotReaders {
		if reader.name == "Verify" {
			if _, err := reader.read(im); err != nil {
				require.ErrorIs(t, err, ErrCorrupt, "%s: Verify", what)
			}
			continue
		}
		got, err := reader.read(im)
		switch {
		case err != nil:
			require.ErrorIs(t, err, ErrCorrupt, "%s: %s", what, reader.name)
			var bad *CorruptionError
			require.True(t, errors.As(err, &bad), "%s: %s", what, reader.name)
			refused = true
		case got == c.want:
		default:
			require.Contains(t, c.contents, got, "%s: %s: silently other data", what, reader.name)
			require.True(t, lessAllowed, "%s: %s: silently less: %s", what, reader.name, got)
			less = true
		}
	}
	return refused, less
}

// touched tells whether bytes of a file from off on are not what they were.
func (c *moreRotCase) touched(im image, name string, off int) bool {
	was, is := c.im[name], im[name]
	return !bytes.Equal(was[min(off, len(was)):], is[min(off, len(is)):])
}

// times is how often each random damage is done to one shape.
func times() int {
	if os.Getenv(fullRot) != "" {
		return 120 * moreRot
	}
	return moreRot
}

// eachRandomRot damages the logs of all shapes at random, and has each judged.
func eachRandomRot(t *testing.T, make func(t *testing.T, s rotShape) image, judge func(t *testing.T, c *moreRotCase, im image, what string) (refused, less bool)) {
	seed := newSeed(t)
	for _, s := range rotShapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			c := newMoreRotCase(t, make(t, s))
			for _, d := range randomRots {
				rng := rand.New(rand.NewPCG(seed, uint64(len(d.name))))
				refused, fewer := 0, 0
				for range times() {
					im := c.im.clone()
					what := d.name + ": " + d.do(im, rng)
					r, less := judge(t, c, im, what)
					if r {
						refused++
					}
					if less {
						fewer++
					}
				}
				t.Logf("%s: %d damages, %d refused, %d took the last batch for torn", d.name, times(), refused, fewer)
			}
		})
	}
}

func TestRandomDamageToAClosedLogIsSeen(t *testing.T) {
	eachRandomRot(t, func(t *testing.T, s rotShape) image { return s.make(t, true) },
		func(t *testing.T, c *moreRotCase, im image, what string) (bool, bool) {
			return c.judge(t, im, what, false)
		})
}

// Without a clean close the last batch can be taken for one that was never
// acknowledged. Zeros are the only single fault that does it (TestBitRotInAnUnclosedLog); here it
// takes more than a flip: garbage can look like the frame of a torn save. Even so
// nothing but the end behind the last SYNCED record is lost, and nothing else comes out.
func TestRandomDamageToAnUnclosedLogTouchesAtMostItsEnd(t *testing.T) {
	eachRandomRot(t, func(t *testing.T, s rotShape) image { return s.make(t, false) },
		func(t *testing.T, c *moreRotCase, im image, what string) (bool, bool) {
			return c.judge(t, im, what, c.touched(im, c.last, c.synced))
		})
}

// In etcd's format random damage may go unseen in the last segment; what comes out
// is then still nothing but entries that were saved, unless a record's type was hit.
func TestRandomDamageInEtcdFormatNeverMakesUpEntries(t *testing.T) {
	format := WithEtcdFormat()
	eachRandomRot(t, func(t *testing.T, s rotShape) image {
		if strings.Contains(s.name, "truncation") {
			t.Skip("there are no truncations in this format")
		}
		return s.make(t, true, format)
	}, func(t *testing.T, c *moreRotCase, im image, what string) (bool, bool) {
		if c.hitsAType(t, im) {
			for _, reader := range rotReaders {
				reader.read(im) // must not panic
			}
			return false, false
		}
		return c.judge(t, im, what, c.touched(im, c.last, 0))
	})
}

// hitsAType tells whether a damage changed the type of a record.
func (c *moreRotCase) hitsAType(t *testing.T, im image) bool {
	for name, offs := range typeBytes(t, c.im) {
		for _, off := range offs {
			if im[name][off] != c.im[name][off] {
				return true
			}
		}
	}
	return false
}

// A file that ends early: in all segments but the last that is an error. The last one then holds
// what was there after an earlier save; a disk that loses the length of a synced file cannot be told
// from a crash.
func TestTruncatedSegments(t *testing.T) {
	for _, s := range rotShapes {
		for _, closed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, closed %v", s.name, closed), func(t *testing.T) {
				t.Parallel()
				c := newMoreRotCase(t, s.make(t, closed))
				for name, data := range c.im {
					for size := 0; size < len(data); size += 1 + len(data)/60 {
						im := c.im.clone()
						im[name] = im[name][:size]
						refused, _ := c.judge(t, im, fmt.Sprintf("%s cut to %d bytes", name, size), name == c.last)
						require.True(t, refused || name == c.last, "%s cut to %d bytes", name, size)
					}
				}
			})
		}
	}
}

// Segments that are missing, doubled, renamed, swapped, or another log's. Without its last segments a
// log is what it was before they were begun, and without its first ones what a purge leaves: neither can be told.
func TestSegmentsOutOfPlace(t *testing.T) {
	for _, s := range rotShapes[:1] {
		for _, closed := range []bool{true, false} {
			c := newMoreRotCase(t, s.make(t, closed))
			other := s
			life := s.life
			other.life = func(t *testing.T, w *WAL, again func() *WAL) {
				require.NoError(t, w.SaveEntry(entries(1, 1)))
				require.NoError(t, w.TruncateBack(0))
				life(t, w, again)
			}
			foreign := other.make(t, closed)
			names := c.im.names()
			require.GreaterOrEqual(t, len(names), 3)
			for i, name := range names {
				n, _ := parseSegmentName(name)
				seg := c.im[name]
				change := func(what string, allowed bool, do func(im image)) {
					im := c.im.clone()
					do(im)
					what = fmt.Sprintf("%s, segment %d of %d, closed %v", what, i, len(names), closed)
					refused, _ := c.judge(t, im, what, allowed)
					require.True(t, refused || allowed, what)
				}
				if i > 0 {
					change("missing", i == len(names)-1, func(im image) { delete(im, name) })
				}
				change("doubled", false, func(im image) { im[segmentName{n.seq, n.index + 1}.String()] = bytes.Clone(seg) })
				change("put behind", false, func(im image) { im[segmentName{uint64(len(names)), n.index}.String()] = bytes.Clone(seg) })
				change("renumbered", i == len(names)-1 && i == 0, func(im image) {
					delete(im, name)
					im[segmentName{n.seq + 100, n.index}.String()] = bytes.Clone(seg)
				})
				for j, with := range names {
					if j != i {
						change("in place of "+with, false, func(im image) { im[with] = bytes.Clone(seg) })
						change("swapped with "+with, false, func(im image) { im[with], im[name] = im[name], im[with] })
					}
				}
				if into := segmentWithNumber(foreign, n.seq); into != nil {
					change("another log's", false, func(im image) { im[name] = bytes.Clone(into) })
				}
			}
		}
	}
}

// A segment whose name tells another index: an error, or the very same entries from the start that was asked for.
func TestSegmentsUnderAnotherIndex(t *testing.T) {
	m := newMemFS(nil)
	w, err := Create(nil, memDir, []byte("meta"), withFS(m), WithSegmentSize(512), WithPreallocation(PreallocateNone))
	require.NoError(t, err)
	for i := uint64(1); i <= 40; i++ {
		require.NoError(t, w.SaveEntry(entries(i, i)))
		if i%5 == 0 {
			require.NoError(t, w.SaveSnap(at(i)))
		}
	}
	last := w.LastIndex()
	require.NoError(t, w.Close())
	im := m.image()
	require.Greater(t, len(im), 4)
	refused, same := 0, 0
	for _, name := range im.names() {
		n, _ := parseSegmentName(name)
		for _, index := range []uint64{0, 1, n.index - 1, n.index + 1, n.index + 2, n.index + 10, 39, 40, 41, 42, 1000, ^uint64(0)} {
			renamed := im.clone()
			delete(renamed, name)
			renamed[segmentName{n.seq, index}.String()] = bytes.Clone(im[name])
			for snap := uint64(0); snap <= 40; snap += 5 {
				w, err := Open(nil, memDir, at(snap), withFS(newMemFS(renamed.clone())), WithPreallocation(PreallocateNone))
				if err != nil {
					refused++
					continue
				}
				_, _, ents, err := w.ReadAll()
				require.NoError(t, err)
				if snap == last {
					require.Empty(t, ents)
				} else {
					require.Equal(t, entries(snap+1, last), ents, "%s as index %d, at %d", name, index, snap)
				}
				require.Equal(t, last, w.LastIndex(), "%s as index %d, at %d", name, index, snap)
				same++
			}
		}
	}
	t.Logf("%d opens refused, %d gave all", refused, same)
	require.NotZero(t, refused)
	require.NotZero(t, same)
}

func segmentWithNumber(im image, seq uint64) []byte {
	for name, data := range im {
		if n, ok := parseSegmentName(name); ok && n.seq == seq {
			return data
		}
	}
	return nil
}
