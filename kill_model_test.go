package wal

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/seed449c39bc/wal/walpb"
)

// This file is what the killed child did, as its reports tell it, and what a log
// must therefore hold. Every call of the child's has an id, and what it saves is
// a function of that id, so that nothing can be there that was not saved.

// killOp is one call of the child's that changes the log.
type killOp struct {
	id    uint64
	kind  killKind
	index uint64 // of the first entry, the snapshot, the truncation or the compaction
	n     int    // entries
	state bool   // saves a state, killState(id)
}

type killKind byte

const (
	killEntries  killKind = 'e' // entries, perhaps with a state, in the order of the reports
	killLone     killKind = 's' // a state alone, beside the others: in no particular order
	killSnapshot killKind = 'n'
	killTruncate killKind = 't'
	killRestore  killKind = 'r' // to a snapshot, with the entries behind it
	killCompact  killKind = 'c'
)

// begun and acked are the lines that the child writes before and after a call. Each is
// one write, so a line without its end was never written, and neither was what comes after it.
func (o killOp) begun() string {
	return fmt.Sprintf("B %d %c %d %d %t\n", o.id, o.kind, o.index, o.n, o.state)
}
func (o killOp) acked() string { return fmt.Sprintf("A %d\n", o.id) }

// killReady is the line for a log that was opened.
const killReady = "R\n"

// killData is the payload of one entry of a call: up to 600 bytes, and now and then many.
func killData(id uint64, pos, n int) string {
	rng := rand.New(rand.NewPCG(id, uint64(pos)))
	size := rng.IntN(600)
	if rng.IntN(40) == 0 {
		size = rng.IntN(40_000)
	}
	fill := strings.Repeat(string(rune('a'+rng.IntN(26))), size)
	return fmt.Sprintf("call %d, entry %d of %d %s", id, pos, n, fill)
}

func killState(id uint64) *walpb.HardState { return &walpb.HardState{Term: id, Vote: ^id, Commit: id} }

// killModel is what a log holds.
type killModel struct {
	ents  map[uint64]string
	last  uint64
	snap  uint64
	state uint64 // id of the call that saved it; 0: none was
}

// apply does what a call does, besides its state.
func (m *killModel) apply(o killOp) {
	switch o.kind {
	case killEntries:
		m.drop(o.index - 1)
		for i := range o.n {
			m.last++
			m.ents[m.last] = killData(o.id, i, o.n)
		}
	case killSnapshot:
		m.snap = o.index
	case killTruncate:
		m.drop(o.index)
	case killRestore:
		m.drop(0)
		m.last, m.snap = o.index, o.index
		o.kind, o.index = killEntries, o.index+1
		m.apply(o)
	case killCompact:
		for i := o.index; i > 0 && m.ents[i] != ""; i-- {
			delete(m.ents, i)
		}
	}
}

func (m *killModel) drop(above uint64) {
	for ; m.last > above; m.last-- {
		delete(m.ents, m.last)
	}
}

// differs says in what the log that was found differs from the model, besides
// its state; entries before its first one may have been purged.
func (m *killModel) differs(found *killModel, first uint64) string {
	if found.last != m.last || found.snap != m.snap {
		return fmt.Sprintf("last index %d and snapshot %d, want %d and %d", found.last, found.snap, m.last, m.snap)
	}
	for i := m.last; i >= first && i > 0; i-- { // from the end, where they differ
		if found.ents[i] != m.ents[i] {
			return fmt.Sprintf("entry %d is %.60q, want %.60q", i, found.ents[i], m.ents[i])
		}
	}
	return ""
}

// killReport is what the child told before it died.
type killReport struct {
	ops   []killOp
	begun []int // by op: its line; lines count from 1
	acked []int // by op: its line; 0: never
	ready bool
}

// parse takes in the child's lines.
func (r *killReport) parse(lines iter.Seq[string]) error {
	at := map[uint64]int{}
	line := 0
	for l := range lines {
		line++
		var o killOp
		switch {
		case !strings.HasSuffix(l, "\n"): // it died writing it
		case l == killReady:
			r.ready = true
		case strings.HasPrefix(l, "B "):
			if _, err := fmt.Sscanf(l, "B %d %c %d %d %t\n", &o.id, &o.kind, &o.index, &o.n, &o.state); err != nil {
				return fmt.Errorf("report %q: %w", l, err)
			}
			at[o.id] = len(r.ops)
			r.ops, r.begun, r.acked = append(r.ops, o), append(r.begun, line), append(r.acked, 0)
		default:
			if _, err := fmt.Sscanf(l, "A %d\n", &o.id); err != nil {
				return fmt.Errorf("report %q: %w", l, err)
			}
			r.acked[at[o.id]] = line
		}
	}
	return nil
}

// acks is how many calls were acknowledged.
func (r *killReport) acks() int {
	n := 0
	for _, line := range r.acked {
		n += min(line, 1)
	}
	return n
}

// agrees makes sure that what was found is what was there before, and then the calls in
// order up to some call, not earlier than the last one acknowledged: each whole, and
// nothing else. first is the lowest index found.
func (r *killReport) agrees(before, found *killModel, first uint64) error {
	m := &killModel{ents: map[uint64]string{}, last: before.last, snap: before.snap}
	maps.Copy(m.ents, before.ents)
	least := 0 // calls that must be there
	for i, o := range r.ops {
		if o.kind != killLone && r.acked[i] > 0 {
			least = i + 1
		}
	}
	var why []string
	for k := 0; ; k++ { // the first k calls
		if k >= least {
			diff := m.differs(found, first)
			if diff == "" {
				diff = r.stateAgrees(before.state, found.state, k)
			}
			if diff == "" {
				return nil
			}
			why = append(why, fmt.Sprintf("with %d calls: %s", k, diff))
		}
		if k == len(r.ops) {
			return fmt.Errorf("the log is not what it was after any of its calls from %d to %d:\n%s", least, k, strings.Join(why, "\n"))
		}
		m.apply(r.ops[k])
	}
}

// stateAgrees says what is wrong with a state in a log that holds the first k
// calls in order: it must be of a call that can have come last.
func (r *killReport) stateAgrees(before, found uint64, k int) string {
	y := slices.IndexFunc(r.ops, func(o killOp) bool { return o.id == found && o.state })
	if y < 0 && found != before {
		return fmt.Sprintf("state %d was never saved", found)
	}
	if y >= k && r.ops[y].kind != killLone {
		return fmt.Sprintf("state %d without the entries that it was saved with", found)
	}
	for x, o := range r.ops {
		lone := o.kind == killLone
		if there := r.acked[x] > 0 || !lone && x < k; !there || !o.state {
			continue
		}
		switch {
		case y < 0:
			return fmt.Sprintf("state %d from before, not %d", found, o.id)
		case r.acked[y] > 0 && r.acked[y] < r.begun[x], !lone && r.ops[y].kind != killLone && y < x:
			return fmt.Sprintf("state %d, and %d was saved after it", found, o.id)
		}
	}
	return ""
}
