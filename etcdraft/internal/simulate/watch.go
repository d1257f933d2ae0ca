package simulate

import (
	"fmt"
	"hash"
	"hash/fnv"
)

// watch knows what has happened in the whole cluster, and notices what must not.
type watch struct {
	leaders map[uint64]uint64 // by their terms
	hashes  map[uint64]uint64 // of the machine that has applied the entry of an index, on any node
	last    uint64            // the highest index of them
	trace   hash.Hash64
	steps   []string // the last ones
	count   int
}

func newWatch() *watch {
	return &watch{
		leaders: map[uint64]uint64{}, hashes: map[uint64]uint64{1: 0}, last: 1, trace: fnv.New64a(),
	}
}

// violation is what a life ends with that breaks a promise.
type violation struct{ what string }

// never ends the life.
func never(format string, args ...any) { panic(violation{fmt.Sprintf(format, args...)}) }

// kept is how many steps a failure shows.
const kept = 60

// note notes a step.
func (w *watch) note(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	w.trace.Write([]byte(line))
	if w.steps = append(w.steps, line); len(w.steps) > 2*kept {
		w.steps = append(w.steps[:0], w.steps[kept:]...)
	}
	w.count++
}

// leads notes that a node leads in a term.
func (w *watch) leads(id, term uint64) {
	other, ok := w.leaders[term]
	if !ok {
		w.leaders[term] = id
		w.note("%d leads in term %d", id, term)
		return
	}
	if other != id {
		never("both %d and %d lead in term %d", other, id, term)
	}
}

// applied notes that a node has the state behind an entry.
func (w *watch) applied(id uint64, m machine) {
	other, ok := w.hashes[m.applied]
	switch {
	case !ok && m.applied != w.last+1:
		never("node %d has a state at %d, nobody one behind %d", id, m.applied, w.last)
	case !ok:
		w.hashes[m.applied], w.last = m.hash, m.applied
	case other != m.hash:
		never("node %d has another state at %d than a node before", id, m.applied)
	}
}
