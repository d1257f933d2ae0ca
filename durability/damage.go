package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

const (
	sector = 512
	block  = 4096
)

// trial is one log to damage.
type trial struct {
	im    image // everything in it was acknowledged
	torn  image // the same with one more batch, which was not acknowledged
	names []string
	rng   *rand.Rand
}

// last returns the name of the last segment.
func (t *trial) last() string { return t.names[len(t.names)-1] }

// earlier returns the name of one of the other segments.
func (t *trial) earlier() string { return t.names[t.rng.IntN(len(t.names)-1)] }

// segmentsOf returns the names of the segments, in order.
func segmentsOf(im image) []string {
	var names []string
	for name := range im {
		if strings.HasSuffix(name, ".wal") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// used returns how many bytes of a segment hold data.
func used(seg []byte) int { return len(bytes.TrimRight(seg, "\x00")) }

// damage is one kind of damage. acked says whether it damages acknowledged data.
type damage struct {
	name  string
	acked bool
	do    func(t *trial) image
}

var damages = []damage{
	{"512 bytes zeroed, last segment", true, func(t *trial) image { return t.zero(t.last(), sector) }},
	{"4 KiB zeroed, last segment", true, func(t *trial) image { return t.zero(t.last(), block) }},
	{"a bit flipped, last segment", true, func(t *trial) image { return t.flip(t.last()) }},
	{"512 bytes zeroed, earlier segment", true,
		func(t *trial) image { return t.zero(t.earlier(), sector) }},
	{"a bit flipped, earlier segment", true, func(t *trial) image { return t.flip(t.earlier()) }},
	{"torn batch, lost sectors read as zeros", false,
		func(t *trial) image { return t.tear(sector, false) }},
	{"torn batch, lost 4-KiB blocks read as zeros", false,
		func(t *trial) image { return t.tear(block, false) }},
	{"torn batch, lost sectors read as garbage", false,
		func(t *trial) image { return t.tear(sector, true) }},
	{"torn batch, the file ends in it", false, (*trial).cut},
}

// with returns the image with other content of one file.
func (im image) with(name string, data []byte) image {
	out := image{}
	for n, d := range im {
		out[n] = d
	}
	out[name] = data
	return out
}

// zero zeroes an aligned piece of the used part. It chooses one that is not yet all zeros.
func (t *trial) zero(name string, size int) image {
	seg := bytes.Clone(t.im[name])
	for {
		off := t.rng.IntN(used(seg)) / size * size
		piece := seg[off:min(off+size, len(seg))]
		if used(piece) > 0 {
			clear(piece)
			return t.im.with(name, seg)
		}
	}
}

func (t *trial) flip(name string) image {
	seg := bytes.Clone(t.im[name])
	seg[t.rng.IntN(used(seg))] ^= 1 << t.rng.IntN(8)
	return t.im.with(name, seg)
}

// batch returns where the last batch stands in the last segment.
func (t *trial) batch() (from, to int) {
	was, is := t.im[t.last()], t.torn[t.last()]
	for from < len(was) && was[from] == is[from] {
		from++
	}
	return from, used(is)
}

// tear undoes the write of some pieces of the last batch, at least of one. With garbage, random
// bytes are in their place.
func (t *trial) tear(size int, garbage bool) image {
	was, seg := t.im[t.last()], bytes.Clone(t.torn[t.last()])
	from, to := t.batch()
	first := from / size * size
	pieces := (to - first + size - 1) / size
	must := t.rng.IntN(pieces)
	for i := range pieces {
		if i != must && t.rng.IntN(2) == 0 {
			continue
		}
		for off := max(first+i*size, from); off < min(first+(i+1)*size, len(seg)); off++ {
			switch {
			case garbage:
				seg[off] = byte(t.rng.Uint32())
			case off < len(was):
				seg[off] = was[off]
			default:
				seg[off] = 0
			}
		}
	}
	return t.torn.with(t.last(), seg)
}

// cut ends the file at a random offset in the last batch.
func (t *trial) cut() image {
	from, to := t.batch()
	return t.torn.with(t.last(), bytes.Clone(t.torn[t.last()][:from+t.rng.IntN(to-from)]))
}

// outcome is the result of one trial.
type outcome int

const (
	allThere outcome = iota
	refused
	fewer
	wrong
	outcomes
)

// judge compares what was read with what was acknowledged, and with what was written after that.
func judge(got, acked, all []string, err error) outcome {
	switch {
	case err != nil:
		return refused
	case len(got) >= len(acked) && len(got) <= len(all) && slices.Equal(got, all[:len(got)]):
		return allThere
	case len(got) < len(acked) && slices.Equal(got, acked[:len(got)]):
		return fewer
	}
	return wrong
}

func (o outcome) String() string {
	return [...]string{"all there", "error", "silently fewer", "silently wrong"}[o]
}

// tally counts outcomes.
type tally [outcomes]int

func (c tally) String() string {
	var words []string
	for o, n := range c {
		if n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, outcome(o)))
		}
	}
	return strings.Join(words, ", ")
}
