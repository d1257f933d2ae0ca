package killer

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/seed449c39bc/wal/walpb"
)

// Op is one call of the child's that changes the log. It has an id, and what it saves is a function
// of that id, so that nothing that was not saved can look as if it had been.
type Op struct {
	ID    uint64
	Kind  Kind
	Index uint64 // of the first entry, the snapshot, the truncation or the compaction
	N     int    // entries
	State bool   // saves a state, State(id)
}

// Kind is what a call does.
type Kind byte

// The kinds.
const (
	Entries  Kind = 'e' // entries, perhaps with a state, in the order of the reports
	Lone     Kind = 's' // a state alone, beside the others: in no particular order
	Snapshot Kind = 'n'
	Truncate Kind = 't'
	Restore  Kind = 'r' // to a snapshot, with the entries behind it
	Compact  Kind = 'c'
)

// Begun returns the line that the child writes before a call. Each line is one write, so one
// without its end was never written, and neither was what comes after it.
func (o Op) Begun() string {
	return fmt.Sprintf("B %d %c %d %d %t\n", o.ID, o.Kind, o.Index, o.N, o.State)
}

// Acked returns the line that the child writes after a call.
func (o Op) Acked() string { return fmt.Sprintf("A %d\n", o.ID) }

// Ready is the line that the child writes when it has opened the log.
const Ready = "R\n"

// Data returns the payload of entry pos of the n that a call saves: up to 600 bytes, and now and
// then up to 40,000.
func Data(id uint64, pos, n int) string {
	rng := rand.New(rand.NewPCG(id, uint64(pos)))
	size := rng.IntN(600)
	if rng.IntN(40) == 0 {
		size = rng.IntN(40_000)
	}
	fill := strings.Repeat(string(rune('a'+rng.IntN(26))), size)
	return fmt.Sprintf("call %d, entry %d of %d %s", id, pos, n, fill)
}

// State returns the state that a call saves.
func State(id uint64) *walpb.HardState { return &walpb.HardState{Term: id, Vote: ^id, Commit: id} }

// Model is what a log holds.
type Model struct {
	Entries map[uint64]string
	Last    uint64
	Snap    uint64
	State   uint64 // id of the call that saved it; 0: none was
}

// apply does what a call does, besides its state.
func (m *Model) apply(o Op) {
	switch o.Kind {
	case Entries:
		m.drop(o.Index - 1)
		for i := range o.N {
			m.Last++
			m.Entries[m.Last] = Data(o.ID, i, o.N)
		}
	case Snapshot:
		m.Snap = o.Index
	case Truncate:
		m.drop(o.Index)
	case Restore:
		m.drop(0)
		m.Last, m.Snap = o.Index, o.Index
		o.Kind, o.Index = Entries, o.Index+1
		m.apply(o)
	case Compact:
		for i := o.Index; i > 0 && m.Entries[i] != ""; i-- {
			delete(m.Entries, i)
		}
	}
}

// drop forgets the entries above an index.
func (m *Model) drop(above uint64) {
	for ; m.Last > above; m.Last-- {
		delete(m.Entries, m.Last)
	}
}

// differs returns how the log that was found differs from the model, besides its state, and "" if
// it does not. Entries before first may have been purged.
func (m *Model) differs(found *Model, first uint64) string {
	if found.Last != m.Last || found.Snap != m.Snap {
		return fmt.Sprintf("last index %d and snapshot %d, want %d and %d", found.Last, found.Snap,
			m.Last, m.Snap)
	}
	for i := m.Last; i >= first && i > 0; i-- { // from the end, where they differ
		if found.Entries[i] != m.Entries[i] {
			return fmt.Sprintf("entry %d is %.60q, want %.60q", i, found.Entries[i], m.Entries[i])
		}
	}
	return ""
}
