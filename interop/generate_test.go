package interop

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/seed449c39bc/wal/walpb"
)

// generator makes the calls that a Raft node could make on its log: it overwrites only entries that
// are not committed, and saves snapshots only of what is committed.
//
// It leaves out two things that Raft allows, because etcd's reader then brings back entries that
// were overwritten: an overwrite at or below the snapshot that the log is opened at (etcd issue
// 22442) and, with the same effect, a snapshot of the very last entry after an overwrite. So there
// is always an entry after a snapshot.
type generator struct {
	*rand.Rand
	history
	terms  map[uint64]uint64 // of the entries that are in the log
	last   uint64            // index of the last entry or snapshot
	term   uint64
	commit uint64
	// maxData is the most data that an entry has, in bytes.
	maxData int
}

func newGenerator(seed uint64) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0)), terms: map[uint64]uint64{}, term: 1,
		maxData: 2 * segmentSize}
	switch g.IntN(6) {
	case 0: // nil
	case 1:
		g.metadata = []byte{}
	case 2:
		g.metadata = g.bytes(segmentSize / 2)
	case 3:
		g.metadata = g.bytes(segmentSize + 100)
	default:
		g.metadata = g.bytes(1 + g.IntN(40))
	}
	return g
}

// generate returns a history of n calls.
func generate(seed uint64, n int) history {
	g := newGenerator(seed)
	g.more(n)
	return g.history
}

// more adds n calls to the history, and returns them.
func (g *generator) more(n int) []op {
	for range n {
		g.add(g.next())
	}
	return g.ops[len(g.ops)-n:]
}

// handOver adds some calls for a log that was just opened, and returns them. What etcd reads when
// it opens a log, the state and the index of a snapshot, it does not carry into new segments. So
// the first call saves both again.
func (g *generator) handOver() []op {
	g.add(op{ents: g.entries(g.last+1, 1), state: g.hardState()})
	g.more(7)
	return g.ops[len(g.ops)-8:]
}

func (g *generator) add(o op) { g.ops = append(g.ops, o) }

func (g *generator) next() op {
	switch g.IntN(20) {
	case 0, 1, 2:
		if snap := g.snapshot(); snap != nil {
			return op{snap: snap}
		}
	case 3:
		// As in handOver.
		return op{reopen: true, ents: g.entries(g.last+1, 1), state: g.hardState()}
	case 4:
		return g.jump()
	case 5, 6:
		return op{state: g.hardState()}
	case 7, 8, 9:
		if free := g.last - g.commit; free > 0 {
			g.term++
			ents := g.entries(g.commit+1+g.Uint64N(free), 1+g.IntN(5))
			return op{ents: ents, state: g.hardState()}
		}
	case 10, 11, 12, 13:
		return op{ents: g.entries(g.last+1, 1+g.IntN(5))}
	}
	ents := g.entries(g.last+1, 1+g.IntN(5))
	return op{ents: ents, state: g.hardState()}
}

// entries returns n entries from an index on.
func (g *generator) entries(from uint64, n int) []*walpb.Entry {
	var ents []*walpb.Entry
	for i := from; i < from+uint64(n); i++ {
		e := &walpb.Entry{Type: walpb.EntryType(g.IntN(3)), Term: g.term, Index: i, Data: g.data()}
		ents = append(ents, e)
		g.terms[i], g.last = e.Term, i
	}
	return ents
}

func (g *generator) data() []byte {
	switch g.IntN(12) {
	case 0:
		return nil
	case 1:
		return []byte{}
	case 2:
		return make([]byte, g.IntN(100)) // zeros
	case 3:
		return g.bytes(g.IntN(min(g.maxData, 600)))
	case 4:
		if g.IntN(4) == 0 {
			return g.bytes(g.IntN(g.maxData))
		}
	}
	return g.bytes(g.IntN(60))
}

func (g *generator) bytes(n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, g.Uint64())
	}
	return b[:n]
}

// hardState returns a state that commits some of the entries.
func (g *generator) hardState() *walpb.HardState {
	g.commit += g.Uint64N(g.last - g.commit + 1)
	return &walpb.HardState{Term: g.term, Vote: g.Uint64N(4), Commit: g.commit}
}

// snapshot returns a snapshot of what is committed, or nil if there is nothing new.
func (g *generator) snapshot() *walpb.Snapshot {
	newest, limit := g.newest().Index, min(g.commit, max(g.last, 1)-1)
	if limit <= newest {
		return nil
	}
	i := newest + 1 + g.Uint64N(limit-newest)
	return &walpb.Snapshot{Index: i, Term: g.terms[i], ConfState: g.confState()}
}

// jump returns what a follower saves if it was sent a snapshot ahead of its log.
func (g *generator) jump() op {
	g.term++
	g.last += 2 + g.Uint64N(20)
	g.commit, g.terms[g.last] = g.last, g.term
	snap := &walpb.Snapshot{Index: g.last, Term: g.term, ConfState: g.confState()}
	return op{snap: snap, ents: g.entries(g.last+1, 1), state: g.hardState()}
}

func (g *generator) confState() *walpb.ConfState {
	return &walpb.ConfState{
		Voters: g.numbers(), Learners: g.numbers(), VotersOutgoing: g.numbers(),
		LearnersNext: g.numbers(), AutoLeave: g.IntN(2) == 0,
	}
}

// numbers returns up to three numbers of any length in bits, or nil.
func (g *generator) numbers() []uint64 {
	var ns []uint64
	for range g.IntN(4) {
		ns = append(ns, g.Uint64()>>g.IntN(64))
	}
	return ns
}
