package crashfs

import (
	"maps"
	"path"
	"slices"
)

// Media is what is on the disk's media after a number of a record's changes. It
// is for one goroutine.
type Media struct {
	record *Record
	at     int
	nodes  map[int]*stored
}

// stored is an inode, as far as it is on the media.
type stored struct {
	names   map[string]int  // of a directory: which inode has the name, on stable storage
	renames []*naming       // what came after, in order
	sectors []*cell[[]byte] // of a file; nil stands for zeros
	size    cell[int64]
	end     int64 // of the bytes written to it
}

// naming is one call's change of a directory's names. A crash may leave the first so
// many of its bindings: none, the new name of a renaming beside the old one, or all.
type naming struct {
	at     int
	names  []binding
	picked int
}

// cell is one thing that comes out of a crash in one of several versions. The
// first is the one on stable storage.
type cell[T any] struct {
	versions []version[T]
	picked   int // what the image that is being made has of it
}

// version is what a change made of a cell.
type version[T any] struct {
	at    int // the number of that change; 0: it was there before
	value T
	clean bool // a sync failed for it: it may be on the media, and no sync will put it there
}

func settled[T any](value T) cell[T] { return cell[T]{versions: []version[T]{{value: value}}} }

// now is what the running system sees.
func (c *cell[T]) now() T { return c.versions[len(c.versions)-1].value }

func (c *cell[T]) value() T { return c.versions[c.picked].value }

func (c *cell[T]) add(at int, value T) {
	c.versions = append(c.versions, version[T]{at: at, value: value})
}

// asOf returns the position of the version that a moment had.
func (c *cell[T]) asOf(at int) int {
	i := len(c.versions) - 1
	for i > 0 && c.versions[i].at > at {
		i--
	}
	return i
}

// settle is a sync of what was there at a moment.
func (c *cell[T]) settle(at int) {
	if i := c.asOf(at); !c.versions[i].clean {
		c.versions = slices.Delete(c.versions, 0, i)
	}
}

// lose is a sync that failed, of what was there at a moment.
func (c *cell[T]) lose(at int) {
	for i := 1; i <= c.asOf(at); i++ {
		c.versions[i].clean = true
	}
}

// Media returns the media before the first change.
func (r *Record) Media() *Media {
	m := &Media{record: r, nodes: map[int]*stored{}}
	if r.loose == nil {
		m.put(r.base)
		return m
	}
	for id, s := range r.loose.nodes {
		m.nodes[id] = s.copy()
	}
	return m
}

// Killed returns the disk as the next process finds it if the one that uses it
// dies now, and the machine stays up: all that was written can be read, and what of it was not
// synced can still be lost. The record goes on from here.
func (m *Media) Killed() (*Disk, *Record) {
	d := &Disk{}
	d.root = m.running(m.record.base.id, ".")
	for id := range m.nodes {
		d.nodes = max(d.nodes, id+1)
	}
	d.record = &Record{disk: d, base: d.root, loose: &Media{nodes: map[int]*stored{}}}
	for id, s := range m.nodes {
		d.record.loose.nodes[id] = s.copy()
	}
	return d, d.record
}

// running is an inode and all below it, as the running system sees it.
func (m *Media) running(id int, name string) *inode {
	s, n := m.nodes[id], &inode{id: id, name: name}
	if s.names == nil {
		for _, c := range s.sectors {
			c.picked = len(c.versions) - 1
		}
		s.size.picked = len(s.size.versions) - 1
		n.data = s.bytes()
		n.markBacked(0, int64(len(n.data)))
		return n
	}
	n.files = map[string]*inode{}
	for _, r := range s.renames {
		r.picked = len(r.names)
	}
	for base, to := range s.bound() {
		n.files[base] = m.running(to, path.Join(name, base))
	}
	return n
}

// copy returns a copy whose versions count as made before the first change.
func (s *stored) copy() *stored {
	out := &stored{names: maps.Clone(s.names), size: s.size.copy(), end: s.end}
	for _, r := range s.renames {
		out.renames = append(out.renames, &naming{names: r.names})
	}
	for _, c := range s.sectors {
		c := c.copy()
		out.sectors = append(out.sectors, &c)
	}
	return out
}

func (c *cell[T]) copy() cell[T] {
	out := cell[T]{versions: slices.Clone(c.versions)}
	for i := range out.versions {
		out.versions[i].at = 0
	}
	return out
}

func (m *Media) put(n *inode) {
	s := &stored{size: settled(int64(len(n.data))), end: int64(len(n.data))}
	m.nodes[n.id] = s
	if n.isDir() {
		s.names = map[string]int{}
		for name, f := range n.files {
			s.names[name] = f.id
			m.put(f)
		}
		return
	}
	for off := 0; off < len(n.data); off += SectorSize {
		sector := make([]byte, SectorSize)
		copy(sector, n.data[off:])
		c := settled(sector)
		s.sectors = append(s.sectors, &c)
	}
}

// Advance goes on to after the next change; it returns false if there is none.
func (m *Media) Advance() bool {
	m.record.disk.mu.Lock()
	if m.at == len(m.record.changes) {
		m.record.disk.mu.Unlock()
		return false
	}
	c := m.record.changes[m.at]
	m.record.disk.mu.Unlock()
	m.at++
	m.apply(c)
	return true
}

// At returns the number of changes that are behind.
func (m *Media) At() int { return m.at }

func (m *Media) apply(c change) {
	s := m.nodes[c.node]
	switch c.kind {
	case written:
		s.write(m.at, c.off, c.data)
	case resized:
		s.resize(m.at, c.off)
	case bound:
		m.bind(s, c)
	case synced, dataSynced, syncLost:
		s.sync(c)
	case dirSynced:
		s.settleNames(c.since)
	}
}

func (m *Media) bind(dir *stored, c change) {
	for _, b := range c.names {
		if b.to == nil || m.nodes[b.to.id] != nil {
			continue
		}
		n := &stored{size: settled(int64(0))}
		if b.to.isDir() {
			n.names = map[string]int{}
		}
		m.nodes[b.to.id] = n
	}
	dir.renames = append(dir.renames, &naming{at: m.at, names: c.names})
}

// bound returns the names in a directory as they are picked.
func (s *stored) bound() map[string]int {
	names := maps.Clone(s.names)
	for _, r := range s.renames {
		r.apply(names, r.picked)
	}
	return names
}

func (r *naming) apply(names map[string]int, first int) {
	for _, b := range r.names[:first] {
		if b.to == nil {
			delete(names, b.name)
		} else {
			names[b.name] = b.to.id
		}
	}
}

// settleNames is a sync of the names that were there at a moment.
func (s *stored) settleNames(at int) {
	for len(s.renames) > 0 && s.renames[0].at <= at {
		s.renames[0].apply(s.names, len(s.renames[0].names))
		s.renames = s.renames[1:]
	}
}

// sector returns a sector of a file, which has never been written if it is new.
func (s *stored) sector(i int64) *cell[[]byte] {
	for int64(len(s.sectors)) <= i {
		c := settled[[]byte](nil)
		s.sectors = append(s.sectors, &c)
	}
	return s.sectors[i]
}

// change makes a new version of a sector, with b at an offset in it.
func (s *stored) change(at int, i, off int64, b []byte) {
	c := s.sector(i)
	sector := make([]byte, SectorSize)
	copy(sector, c.now())
	copy(sector[off:], b)
	c.add(at, sector)
}

func (s *stored) write(at int, off int64, b []byte) {
	for end := off + int64(len(b)); off < end; {
		i := off / SectorSize
		n := min((i+1)*SectorSize, end) - off
		s.change(at, i, off%SectorSize, b[:n])
		off, b = off+n, b[n:]
		// The file may have grown by some of the sectors only.
		if off > s.size.now() {
			s.size.add(at, off)
		}
	}
	s.end = max(s.end, off)
}

// resize sets the length. What a shrinking cuts off is zeros if it comes into use again.
func (s *stored) resize(at int, size int64) {
	for i := size / SectorSize; i < int64(len(s.sectors)); i++ {
		from := max(size-i*SectorSize, 0)
		if s.sectors[i].now() != nil {
			s.change(at, i, from, make([]byte, SectorSize-from))
		}
	}
	s.end = min(s.end, size)
	s.size.add(at, size)
}

// sync is a sync of a file, be it one that failed.
func (s *stored) sync(c change) {
	for _, sector := range s.sectors {
		if c.kind == syncLost {
			sector.lose(c.since)
		} else {
			sector.settle(c.since)
		}
	}
	switch c.kind {
	case synced:
		s.size.settle(c.since)
	case dataSynced: // settles no more of the length than is needed to read the data
		i := s.size.asOf(c.since)
		need := min(s.end, s.size.versions[i].value)
		kept := slices.DeleteFunc(slices.Clone(s.size.versions[:i]),
			func(v version[int64]) bool { return v.value < need })
		s.size.versions = append(kept, s.size.versions[i:]...)
	}
}
