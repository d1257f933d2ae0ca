package crashfs

import (
	"math/rand/v2"
	"path"

	"github.com/seed449c39bc/wal/internal/faultfs"
)

// Replay is a disk on which the changes of a record happen again, while a test reads from it: the
// steps of the writer come between the calls of the reader.
type Replay struct {
	*Disk
	changes []change
	at      int // how many changes were made
	part    int // how many bytes of the next change, a write, were written
	nodes   map[int]*inode
	rnd     *rand.Rand
}

// Replay returns a disk as it was when the record began. Before each call on it, and between some
// pieces of a Read, turn returns how many steps the writer takes. A step is a change, or a part of
// a write, of random length. turn is called with the disk's lock held, and must not use the disk,
// except At.
func (r *Record) Replay(rnd *rand.Rand, turn func(p *Replay, c faultfs.Call) int) *Replay {
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	p := &Replay{changes: r.changes, nodes: map[int]*inode{}, rnd: rnd}
	p.Disk = &Disk{root: r.base.copy()}
	p.add(p.root)
	p.fail = func(c faultfs.Call) *Fault {
		for n := turn(p, c); n > 0; n-- {
			p.step()
		}
		return nil
	}
	p.pieces = func(left int) int {
		if left == 0 || rnd.IntN(4) == 0 {
			return left
		}
		for n := turn(p, faultfs.Call{Kind: faultfs.Read}); n > 0; n-- {
			p.step()
		}
		return 1 + rnd.IntN(min(left, 2<<rnd.IntN(12)))
	}
	return p
}

// add adds an inode and all below it to the nodes.
func (p *Replay) add(n *inode) {
	p.nodes[n.id] = n
	p.Disk.nodes = max(p.Disk.nodes, n.id+1)
	n.markBacked(0, int64(len(n.data)))
	for _, f := range n.files {
		p.add(f)
	}
}

// At returns the number of changes that were made. A write of which only a part was made does not
// count.
func (p *Replay) At() int { return p.at }

// Begun returns the number of changes that were begun. A write of which only a part was made
// counts.
func (p *Replay) Begun() int {
	if p.part > 0 {
		return p.at + 1
	}
	return p.at
}

// Skip makes the first n changes at once.
func (p *Replay) Skip(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.at < n {
		p.step()
	}
}

// step takes one step, if one is left. The caller holds the lock.
func (p *Replay) step() {
	if p.at == len(p.changes) {
		return
	}
	c := p.changes[p.at]
	n := p.nodes[c.node]
	switch c.kind {
	case written:
		rest := c.data[p.part:]
		if len(rest) > 1 && p.rnd.IntN(2) == 0 {
			rest = rest[:1+p.rnd.IntN(len(rest)-1)]
		}
		n.write(c.off+int64(p.part), rest)
		if p.part += len(rest); p.part < len(c.data) {
			return
		}
		p.part = 0
	case resized:
		n.resize(c.off)
	case bound:
		p.bind(n, c.names)
	}
	p.at++
}

// bind changes names in a directory, and adds the inodes that are new.
func (p *Replay) bind(dir *inode, names []binding) {
	for _, b := range names {
		if b.to == nil {
			delete(dir.files, b.name)
			continue
		}
		n, ok := p.nodes[b.to.id]
		if !ok {
			n = &inode{id: b.to.id}
			if b.to.isDir() {
				n.files = map[string]*inode{}
			}
			p.nodes[n.id] = n
		}
		n.name = path.Join(dir.name, b.name)
		dir.files[b.name] = n
	}
}
