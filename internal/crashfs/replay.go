package crashfs

import (
	"math/rand/v2"
	"path"

	"github.com/seed449c39bc/wal/internal/faultfs"
)

// Replay is a disk on which the changes of a record happen once more, while somebody else
// uses it: a writer whose steps come between the calls of a reader.
type Replay struct {
	*Disk
	changes []change
	at      int // changes that are behind
	part    int // bytes of the next one, a write, that are written
	nodes   map[int]*inode
	rnd     *rand.Rand
}

// Replay returns a disk as it was when the record began. Before each call on it, and before some
// pieces of what a Read reads, turn is asked how many steps the writer takes. A step is a change,
// or some part of a write, cut at random. turn is called with the disk's lock held, and must not
// use the disk, but for At.
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

// add knows an inode and all below it from now on.
func (p *Replay) add(n *inode) {
	p.nodes[n.id] = n
	p.Disk.nodes = max(p.Disk.nodes, n.id+1)
	n.markBacked(0, int64(len(n.data)))
	for _, f := range n.files {
		p.add(f)
	}
}

// At returns the number of changes that are behind. A write that is under way is not.
func (p *Replay) At() int { return p.at }

// Begun returns the number of changes that have begun.
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

// step takes one step, if one is left. The lock is held.
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

// bind changes names in a directory.
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
