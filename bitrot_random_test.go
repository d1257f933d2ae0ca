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

	"github.com/seed449c39bc/wal/internal/oracle"
)

// Damage of more than one bit or sector at random places of logs of all shapes. A reader must then
// return ErrCorrupt, or exactly what was saved. Where less than that is allowed, it is what was
// there after an earlier save, and never anything else. misplaced_test.go does the same to whole
// files.

// randomRotsEach is the number of random damages of each kind to each shape; with fullRot it is
// 120 times as many.
const randomRotsEach = 25

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

// savedContents is what a shape's log held after each of its records, as far as the log on disk
// tells: the content of every prefix that ends with a whole save.
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
			f, ok := oracle.ReadFrame(im[name], n.seq, off)
			if !ok {
				break
			}
			off += f.Size
			prefix[name] = im[name][:off]
			if got, err := readContent(prefix); err == nil {
				all = append(all, got)
			}
		}
	}
	return all
}

// rotCase is a log, and what can be lost of it unseen.
type rotCase struct {
	im       image
	want     string
	contents []string // after each save
	last     string   // the last segment
	synced   int      // where its last record stands that says SYNCED
}

func newRotCase(t *testing.T, im image) *rotCase {
	want, err := readContent(im)
	require.NoError(t, err)
	names := im.names()
	c := &rotCase{im: im, want: want, contents: savedContents(t, im), last: names[len(names)-1]}
	c.synced = lastSynced(t, c.last, im[c.last])
	require.Contains(t, c.contents, want)
	return c
}

// judge reads a damaged log in every way and returns whether less came out. What
// comes out is what was saved, or, if less is allowed, what was there after an earlier save.
func (c *rotCase) judge(
	t *testing.T, im image, what string, lessAllowed bool,
) (refused, less bool) {
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
func (c *rotCase) touched(im image, name string, off int) bool {
	was, is := c.im[name], im[name]
	return !bytes.Equal(was[min(off, len(was)):], is[min(off, len(is)):])
}

// times is how often each random damage is done to one shape.
func times() int {
	if os.Getenv(fullRot) != "" {
		return 120 * randomRotsEach
	}
	return randomRotsEach
}

// eachRandomRot damages the logs of all shapes at random, and has each judged.
func eachRandomRot(t *testing.T, make func(t *testing.T, s rotShape) image,
	judge func(t *testing.T, c *rotCase, im image, what string) (refused, less bool)) {
	seed := newSeed(t)
	for _, s := range rotShapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			c := newRotCase(t, make(t, s))
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
				t.Logf("%s: %d damages, %d refused, %d took the last batch for torn", d.name, times(), refused,
					fewer)
			}
		})
	}
}

func TestRandomDamage_ToAClosedLogIsSeen(t *testing.T) {
	eachRandomRot(t, func(t *testing.T, s rotShape) image { return s.make(t, true) },
		func(t *testing.T, c *rotCase, im image, what string) (bool, bool) {
			return c.judge(t, im, what, false)
		})
}

// Without a clean close the last batch can be taken for one that was never
// acknowledged. Zeros are the only single fault that does it (TestBitRot_InAnUnclosedLog); here it
// takes more than a flip: garbage can look like the frame of a torn save. Even so
// nothing but the end behind the last SYNCED record is lost, and nothing else comes out.
func TestRandomDamage_ToAnUnclosedLogTouchesAtMostItsEnd(t *testing.T) {
	eachRandomRot(t, func(t *testing.T, s rotShape) image { return s.make(t, false) },
		func(t *testing.T, c *rotCase, im image, what string) (bool, bool) {
			return c.judge(t, im, what, c.touched(im, c.last, c.synced))
		})
}

// In etcd's format random damage may go unseen in the last segment; what comes out
// is then still nothing but entries that were saved, unless a record's type was hit.
func TestRandomDamage_InEtcdFormatNeverMakesUpEntries(t *testing.T) {
	format := WithEtcdFormat()
	eachRandomRot(t, func(t *testing.T, s rotShape) image {
		if strings.Contains(s.name, "truncation") {
			t.Skip("there are no truncations in this format")
		}
		return s.make(t, true, format)
	}, func(t *testing.T, c *rotCase, im image, what string) (bool, bool) {
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
func (c *rotCase) hitsAType(t *testing.T, im image) bool {
	for name, offs := range typeBytes(t, c.im) {
		for _, off := range offs {
			if im[name][off] != c.im[name][off] {
				return true
			}
		}
	}
	return false
}
