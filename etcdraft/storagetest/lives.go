package storagetest

import (
	"math/rand/v2"
	"os"
	"strconv"
)

var livesChecks = []Check{{
	Name: "Lives/AreThoseOfAMemoryStorage",
	Says: "Second, all persisted log entries must be made available via an implementation of the " +
		"Storage interface.",
	run: lives,
}}

// The variables that say how many lives there are, and which.
const (
	livesVariable = "WAL_TEST_LIVES"
	seedVariable  = "WAL_TEST_SEED"
)

// lives lets nodes live at random. The store must be what a raft.MemoryStorage is, after each step.
func lives(e *env) {
	count, seed := number(livesVariable, 12), number(seedVariable, 1)
	for i := range count {
		err := attempt(func() { live(e, seed+i) })
		must(err, "a life: %s=%d repeats it", seedVariable, seed+i)
		for _, n := range e.nodes {
			n.abandon()
			_ = os.RemoveAll(n.dir)
		}
		e.nodes = nil
	}
}

// number returns what a variable says. "random" is any number.
func number(variable string, otherwise uint64) uint64 {
	v := os.Getenv(variable)
	switch v {
	case "":
		return otherwise
	case "random":
		return rand.Uint64() >> 1
	}
	n, err := strconv.ParseUint(v, 10, 64)
	must(err, "%s", variable)
	return n
}

// live lets one node live.
func live(e *env, seed uint64) {
	l := &life{node: e.start(), rng: rand.New(rand.NewPCG(seed, 0))}
	l.large = l.rng.IntN(4) == 0
	_, l.volatile = l.store.(Volatile)
	for range 40 + l.rng.IntN(60) {
		l.step()
		if l.rng.IntN(3) == 0 {
			l.someEntries()
			l.compare()
			l.held.unchanged()
		}
	}
	l.compare()
	if !l.volatile {
		l.crash()
	}
}

// life is a node with the dice.
type life struct {
	*node
	rng      *rand.Rand
	large    bool // its entries fill segments
	volatile bool
	held     slices
}

// between returns a number in [lo, hi].
func (l *life) between(lo, hi uint64) uint64 { return lo + l.rng.Uint64N(hi-lo+1) }

// sizes returns the sizes of a few entries.
func (l *life) sizes() []int {
	most := 100
	if l.large {
		most = 8000
	}
	sizes := make([]int, 1+l.rng.IntN(8))
	for i := range sizes {
		sizes[i] = l.rng.IntN(most)
	}
	return sizes
}

// step does one thing that may happen now.
func (l *life) step() {
	commit, last, newest := l.hard.GetCommit(), l.last(), l.newest()
	switch dice := l.rng.IntN(100); {
	case dice < 30:
		l.append(l.sizes()...)
	case dice < 40 && commit < last:
		l.replace(l.between(commit+1, last), l.sizes()...)
	case dice < 55 && commit < last:
		l.commit(l.between(commit+1, last))
	case dice < 60:
		l.campaign()
	case dice < 70 && newest < commit:
		l.snapshot(l.between(newest+1, commit))
	case dice < 80 && l.first() <= newest:
		l.compact(l.between(l.first(), newest))
	case dice < 84:
		l.receiveSome(l.between(commit+1, last+10))
	case dice < 94 && !l.volatile:
		l.crash()
	case dice < 97 && !l.volatile:
		l.reopen()
	}
}

// receiveSome receives a snapshot, alone, with entries, or of a term that is known.
func (l *life) receiveSome(index uint64) {
	switch l.rng.IntN(3) {
	case 0:
		l.receive(index)
	case 1:
		l.receive(index, l.sizes()...)
	default:
		l.receiveKnown(index)
	}
}

// someEntries compares some entries, and holds and appends to others.
func (l *life) someEntries() {
	if l.first() > l.last() {
		return
	}
	lo := l.between(l.first(), l.last())
	hi := l.between(lo+1, l.last()+1)
	limit := l.rng.Uint64N(1 << l.rng.IntN(16))
	l.note("Entries(%d, %d, %d)", lo, hi, limit)
	l.compareEntries(lo, hi, limit)
	l.held.take(l.store, lo, hi)
	ents, err := l.store.Entries(lo, hi, limit)
	must(err, "Entries(%d, %d, %d)", lo, hi, limit)
	appendTo(ents)
}
