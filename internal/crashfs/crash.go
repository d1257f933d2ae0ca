package crashfs

import (
	"fmt"
	"maps"
	"math"
	"math/bits"
	"math/rand/v2"
	"path"
	"slices"
)

// BlockSize is the size in bytes of the blocks in which [Media.Sample] loses sectors together.
const BlockSize = 4096

// loose is a cell, or a change of names, that has more than one version.
type loose interface {
	count() int
	pick(i int)
	asOf(at int) int
	since() int // the change that made it loose
}

func (c *cell[T]) count() int { return len(c.versions) }
func (c *cell[T]) pick(i int) { c.picked = i }
func (c *cell[T]) since() int { return c.versions[1].at }

func (r *naming) count() int { return len(r.names) + 1 }
func (r *naming) pick(i int) { r.picked = i }
func (r *naming) since() int { return r.at }

func (r *naming) asOf(at int) int {
	if r.at > at {
		return 0
	}
	return len(r.names)
}

// group is the loose cells that a disk may write at once: those of one block of a file, one length,
// or one change of names.
type group struct {
	cells  []loose
	sector bool
}

// groups returns what is loose in everything that can be reached from the root in any image. It
// picks the oldest version of all.
func (m *Media) groups() []group {
	var out []group
	m.walk(func(_ string, s *stored) { out = s.groups(out) })
	return out
}

// walk calls f with everything that can be reached from the root in any image, and a name that it
// has in one of them.
func (m *Media) walk(f func(name string, s *stored)) {
	seen := map[int]bool{}
	var visit func(id int, name string)
	visit = func(id int, name string) {
		s := m.nodes[id]
		if seen[id] {
			return
		}
		seen[id] = true
		f(name, s)
		for _, base := range slices.Sorted(maps.Keys(s.names)) {
			visit(s.names[base], path.Join(name, base))
		}
		for _, r := range s.renames {
			for _, b := range r.names {
				if b.to != nil {
					visit(b.to.id, path.Join(name, b.name))
				}
			}
		}
	}
	visit(m.record.base.id, "")
}

// Choose returns the image in which pick has chosen the version of each loose thing: 0 is the one
// on stable storage, versions-1 the newest. what tells the things apart, by names and not by the
// order of the changes: so an image does not depend on which of two goroutines came first, as long
// as they touch different files.
func (m *Media) Choose(pick func(what string, versions int) int) Image {
	m.walk(func(name string, s *stored) {
		one := func(c loose, what string) {
			if c.pick(0); c.count() > 1 {
				c.pick(pick(what, c.count()))
			}
		}
		one(&s.size, name+": size")
		for i, c := range s.sectors {
			one(c, fmt.Sprint(name, ": sector ", i))
		}
		for _, r := range s.renames {
			one(r, fmt.Sprint(name, ": ", r.names[0].name))
		}
	})
	return m.image()
}

// groups appends what is loose in an inode.
func (s *stored) groups(out []group) []group {
	one := func(c loose) []loose {
		c.pick(0)
		if c.count() < 2 {
			return nil
		}
		return []loose{c}
	}
	if cells := one(&s.size); cells != nil {
		out = append(out, group{cells: cells})
	}
	for _, r := range s.renames {
		r.pick(0)
		out = append(out, group{cells: []loose{r}})
	}
	var block []loose
	for i, c := range s.sectors {
		block = append(block, one(c)...)
		if last := i == len(s.sectors)-1; len(block) > 0 && (last || (i+1)%(BlockSize/SectorSize) == 0) {
			out = append(out, group{block, true})
			block = nil
		}
	}
	return out
}

// Images returns how many images [Media.Each] makes, or the largest uint64 if there are more.
func (m *Media) Images() uint64 {
	n := uint64(1)
	for _, g := range m.groups() {
		for _, c := range g.cells {
			hi, lo := bits.Mul64(n, uint64(c.count()))
			if n = lo; hi > 0 {
				return math.MaxUint64
			}
		}
	}
	return n
}

// Each calls f with every image that a crash at this moment may leave, until f returns false.
func (m *Media) Each(f func(Image) bool) {
	var cells []loose
	for _, g := range m.groups() {
		cells = append(cells, g.cells...)
	}
	at := make([]int, len(cells))
	for f(m.image()) {
		i := 0
		for ; i < len(cells); i++ {
			if at[i]++; at[i] == cells[i].count() {
				at[i] = 0
			}
			cells[i].pick(at[i])
			if at[i] > 0 {
				break
			}
		}
		if i == len(cells) {
			return
		}
	}
}

// Sample returns one of the images that a crash at this moment may leave. It depends only on the
// record and on rnd. Every image is possible. The likely ones come more often: those in which all
// is kept or all is lost, changes are kept in order, whole blocks are lost, or a single thing is
// lost or kept.
func (m *Media) Sample(rnd *rand.Rand) Image {
	groups := m.groups()
	newest := func(c loose) { c.pick(c.count() - 1) }
	either := func(c loose) { c.pick(rnd.IntN(c.count())) }
	each := func(f func(c loose)) {
		for _, g := range groups {
			for _, c := range g.cells {
				f(c)
			}
		}
	}
	oldest := m.at
	each(func(c loose) { oldest = min(oldest, c.since()-1) })
	moment := func() int { return oldest + rnd.IntN(m.at-oldest+1) }
	switch rnd.IntN(16) {
	case 0: // all is lost
	case 1: // all is kept
		each(newest)
	case 2, 3: // the changes up to a moment are kept
		at := moment()
		each(func(c loose) { c.pick(c.asOf(at)) })
	case 4, 5, 6: // each block is as it was at a moment
		for _, g := range groups {
			at := moment()
			if rnd.IntN(2) == 0 {
				at = m.at
			}
			g.pick(at)
		}
	case 7, 8: // one thing is kept or lost, unlike the others
		lost := rnd.IntN(2) == 0
		if lost {
			each(newest)
		}
		if len(groups) > 0 {
			g := groups[rnd.IntN(len(groups))]
			either(g.cells[rnd.IntN(len(g.cells))])
		}
	case 9, 10, 11, 12: // the sectors are in any mixture, the rest is kept
		for _, g := range groups {
			for _, c := range g.cells {
				if newest(c); g.sector {
					either(c)
				}
			}
		}
	default:
		each(either)
	}
	return m.image()
}

// pick picks, for all that is in the group, the version that it had at a moment.
func (g group) pick(at int) {
	for _, c := range g.cells {
		c.pick(c.asOf(at))
	}
}

// Oldest returns the image in which everything is lost that can be lost.
func (m *Media) Oldest() Image {
	m.groups() // this picks the oldest version of everything
	return m.image()
}

// Newest returns the image in which nothing is lost: that is what remains if only the process dies.
func (m *Media) Newest() Image {
	for _, g := range m.groups() {
		for _, c := range g.cells {
			c.pick(c.count() - 1)
		}
	}
	return m.image()
}

// image returns the image of the picked versions.
func (m *Media) image() Image {
	im := Image{}
	m.collect(im, m.nodes[m.record.base.id], "")
	return im
}

// collect adds to an image what is below a directory, whose path is prefix.
func (m *Media) collect(im Image, dir *stored, prefix string) {
	for name, id := range dir.bound() {
		n := m.nodes[id]
		if n.names != nil {
			im[prefix+name+"/"] = nil
			m.collect(im, n, prefix+name+"/")
			continue
		}
		im[prefix+name] = n.bytes()
	}
}

// bytes returns the bytes of a file in the picked versions.
func (s *stored) bytes() []byte {
	b := make([]byte, s.size.value())
	for i, c := range s.sectors {
		if off := i * SectorSize; off < len(b) {
			copy(b[off:], c.value())
		}
	}
	return b
}
