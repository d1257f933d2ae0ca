package killer

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// Report is what a child told before it died.
type Report struct {
	Ops   []Op
	begun []int // by op: its line; lines count from 1
	acked []int // by op: its line; 0: never
	Ready bool
}

// Parse takes in the lines of a child, each with its end.
func (r *Report) Parse(lines iter.Seq[string]) error {
	at := map[uint64]int{}
	line := 0
	for l := range lines {
		line++
		var o Op
		switch {
		case !strings.HasSuffix(l, "\n"): // it died writing it
		case l == Ready:
			r.Ready = true
		case strings.HasPrefix(l, "B "):
			if _, err := fmt.Sscanf(l, "B %d %c %d %d %t\n", &o.ID, &o.Kind, &o.Index, &o.N,
				&o.State); err != nil {
				return fmt.Errorf("report %q: %w", l, err)
			}
			at[o.ID] = len(r.Ops)
			r.Ops, r.begun, r.acked = append(r.Ops, o), append(r.begun, line), append(r.acked, 0)
		default:
			if _, err := fmt.Sscanf(l, "A %d\n", &o.ID); err != nil {
				return fmt.Errorf("report %q: %w", l, err)
			}
			r.acked[at[o.ID]] = line
		}
	}
	return nil
}

// Acks returns how many calls were acknowledged.
func (r *Report) Acks() int {
	n := 0
	for _, line := range r.acked {
		n += min(line, 1)
	}
	return n
}

// Agrees returns nil if what was found is what was there before, changed by the calls in order up
// to some call, not earlier than the last one acknowledged: each whole, and nothing else. first is
// the lowest index found.
func (r *Report) Agrees(before, found *Model, first uint64) error {
	m := &Model{Entries: map[uint64]string{}, Last: before.Last, Snap: before.Snap}
	maps.Copy(m.Entries, before.Entries)
	least := 0 // calls that must be there
	for i, o := range r.Ops {
		if o.Kind != Lone && r.acked[i] > 0 {
			least = i + 1
		}
	}
	var why []string
	for k := 0; ; k++ { // the first k calls
		if k >= least {
			diff := m.differs(found, first)
			if diff == "" {
				diff = r.stateAgrees(before.State, found.State, k)
			}
			if diff == "" {
				return nil
			}
			why = append(why, fmt.Sprintf("with %d calls: %s", k, diff))
		}
		if k == len(r.Ops) {
			return fmt.Errorf("the log is not what it was after any of its calls from %d to %d:\n%s", least,
				k, strings.Join(why, "\n"))
		}
		m.apply(r.Ops[k])
	}
}

// stateAgrees returns what is wrong with a state in a log that holds the first k calls in order,
// and "" if nothing is: it must be of a call that can have come last.
func (r *Report) stateAgrees(before, found uint64, k int) string {
	y := slices.IndexFunc(r.Ops, func(o Op) bool { return o.ID == found && o.State })
	if y < 0 && found != before {
		return fmt.Sprintf("state %d was never saved", found)
	}
	if y >= k && r.Ops[y].Kind != Lone {
		return fmt.Sprintf("state %d without the entries that it was saved with", found)
	}
	for x, o := range r.Ops {
		lone := o.Kind == Lone
		if there := r.acked[x] > 0 || !lone && x < k; !there || !o.State {
			continue
		}
		switch {
		case y < 0:
			return fmt.Sprintf("state %d from before, not %d", found, o.ID)
		case r.acked[y] > 0 && r.acked[y] < r.begun[x], !lone && r.Ops[y].Kind != Lone && y < x:
			return fmt.Sprintf("state %d, and %d was saved after it", found, o.ID)
		}
	}
	return ""
}
