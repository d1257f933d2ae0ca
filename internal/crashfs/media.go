package crashfs

import (
	"maps"
	"path"
	"slices"
)

// Media is what the disk's media hold after the first changes of a record. It is not safe for
// concurrent use.
type Media struct {
	record *Record
	at     int
	nodes  map[int]*stored
}

// stored is what the media hold of an inode.
type stored struct {
	names   map[string]int  // of a directory: the inode of each name, on stable storage
	renames []*naming       // the changes of names after that, in order
	sectors []*cell[[]byte] // of a file; a nil value stands for zeros
	size    cell[int64]
	end     int64 // where the bytes that were written to the file end
}

// naming is the change of a directory's names by one call. A crash may leave any number of its
// bindings, from the first one on: none, or all; of a rename also the new name beside the old one.
type naming struct {
	at     int
	names  []binding
	picked int
}

// cell is one thing that has one of several versions after a crash. The first version is the one on
// stable storage.
type cell[T any] struct {
	versions []version[T]
	picked   int // the version that is picked for the image that is being made
}

// version is what a change has made of a cell.
type version[T any] struct {
	at    int // the number of that change; 0: it was there before
	value T
	clean bool // a sync failed for it: it may be on the media, and no later sync puts it there
}

// settled returns a cell whose only version is on stable storage.
func settled[T any](value T) cell[T] { return cell[T]{versions: []version[T]{{value: value}}} }

// now returns what the running system sees.
func (c *cell[T]) now() T { return c.versions[len(c.versions)-1].value }

// value returns the value of the version that is picked.
func (c *cell[T]) value() T { return c.versions[c.picked].value }

// add adds the version that change at has made.
func (c *cell[T]) add(at int, value T) {
	c.versions = append(c.versions, version[T]{at: at, value: value})
}

// asOf returns which version was the newest after change at.
func (c *cell[T]) asOf(at int) int {
	i := len(c.versions) - 1
	for i > 0 && c.versions[i].at > at {
		i--
	}
	return i
}

// settle applies a sync that covers the changes up to at.
func (c *cell[T]) settle(at int) {
	if i := c.asOf(at); !c.versions[i].clean {
		c.versions = slices.Delete(c.versions, 0, i)
	}
}

// lose applies a sync that failed and would have covered the changes up to at: their pages count as
// clean.
func (c *cell[T]) lose(at int) {
	for i := 1; i <= c.asOf(at); i++ {
		c.versions[i].clean = true
	}
}

// Media returns the media as they are before the first change.
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

// Killed returns the disk as the next process finds it if the one that uses it dies now and the
// machine stays up: everything that was written can be read, and what was not synced can still be
// lost. The record that it returns goes on from here.
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

// running returns an inode and all below it as the running system sees them.
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

// copy returns a copy whose versions count as older than the first change.
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

// copy returns a copy whose versions count as older than the first change.
func (c *cell[T]) copy() cell[T] {
	out := cell[T]{versions: slices.Clone(c.versions)}
	for i := range out.versions {
		out.versions[i].at = 0
	}
	return out
}

// put puts an inode and all below it on stable storage.
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

// Advance applies the next change, and reports whether there was one.
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

// At returns the number of changes that were applied.
func (m *Media) At() int { return m.at }

// apply applies a change, which is number m.at.
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

// bind adds a change of names in a directory.
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

// bound returns the names in a directory in the picked version.
func (s *stored) bound() map[string]int {
	names := maps.Clone(s.names)
	for _, r := range s.renames {
		r.apply(names, r.picked)
	}
	return names
}

// apply makes the first so many of the bindings.
func (r *naming) apply(names map[string]int, first int) {
	for _, b := range r.names[:first] {
		if b.to == nil {
			delete(names, b.name)
		} else {
			names[b.name] = b.to.id
		}
	}
}

// settleNames applies a sync of a directory that covers the changes up to at.
func (s *stored) settleNames(at int) {
	for len(s.renames) > 0 && s.renames[0].at <= at {
		s.renames[0].apply(s.names, len(s.renames[0].names))
		s.renames = s.renames[1:]
	}
}

// sector returns sector i of a file. If the file has no such sector yet, it adds sectors of zeros
// up to that one.
func (s *stored) sector(i int64) *cell[[]byte] {
	for int64(len(s.sectors)) <= i {
		c := settled[[]byte](nil)
		s.sectors = append(s.sectors, &c)
	}
	return s.sectors[i]
}

// change adds a version of sector i that has b at offset off in the sector.
func (s *stored) change(at int, i, off int64, b []byte) {
	c := s.sector(i)
	sector := make([]byte, SectorSize)
	copy(sector, c.now())
	copy(sector[off:], b)
	c.add(at, sector)
}

// write adds the versions that a write of b at offset off makes.
func (s *stored) write(at int, off int64, b []byte) {
	for end := off + int64(len(b)); off < end; {
		i := off / SectorSize
		n := min((i+1)*SectorSize, end) - off
		s.change(at, i, off%SectorSize, b[:n])
		off, b = off+n, b[n:]
		// After a crash the file may have grown by only a part of the sectors.
		if off > s.size.now() {
			s.size.add(at, off)
		}
	}
	s.end = max(s.end, off)
}

// resize adds the versions that setting the length makes. What the file loses when it shrinks is
// zero when it grows again.
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

// sync applies a sync of a file, also one that failed.
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
	case dataSynced: // it settles the length only as far as that is needed to read the data
		i := s.size.asOf(c.since)
		need := min(s.end, s.size.versions[i].value)
		kept := slices.DeleteFunc(slices.Clone(s.size.versions[:i]),
			func(v version[int64]) bool { return v.value < need })
		s.size.versions = append(kept, s.size.versions[i:]...)
	}
}
