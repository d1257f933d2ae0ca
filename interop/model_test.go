package interop

import "github.com/seed449c39bc/wal/walpb"

// op is one call on a log, or a few calls that belong together. What is nil is left out.
type op struct {
	ents   []*walpb.Entry
	state  *walpb.HardState
	snap   *walpb.Snapshot // saved before the rest
	reopen bool            // close the log first, and open it at the snapshot saved last
}

// history is the calls that make a log.
type history struct {
	metadata []byte
	ops      []op
}

// snapshots returns the snapshots that are recorded, oldest first. The first one is the empty one
// of a new log.
func (h history) snapshots() []*walpb.Snapshot {
	all := []*walpb.Snapshot{{}}
	for _, o := range h.ops {
		if o.snap != nil {
			all = append(all, o.snap)
		}
	}
	return all
}

// newest returns the snapshot that was recorded last.
func (h history) newest() *walpb.Snapshot {
	all := h.snapshots()
	return all[len(all)-1]
}

// state returns the state that was saved last. An empty state is not saved.
func (h history) state() *walpb.HardState {
	last := &walpb.HardState{}
	for _, o := range h.ops {
		if !o.state.IsEmpty() {
			last = o.state
		}
	}
	return last
}

// entries returns the entries above an index. ok is false if the entry after the index is missing,
// because the log went on from a later snapshot.
func (h history) entries(above uint64) (ents []*walpb.Entry, ok bool) {
	first, last := uint64(1), uint64(0) // ents are those from first to last
	for _, o := range h.ops {
		if o.snap != nil && o.snap.Index > last {
			ents, first, last = nil, o.snap.Index+1, o.snap.Index
		}
		for _, e := range o.ents {
			ents = append(ents[:e.Index-first:e.Index-first], e)
			last = e.Index
		}
	}
	if above+1 < first {
		return nil, false
	}
	if above >= last {
		return nil, true
	}
	return ents[above+1-first:], true
}

// contents is what is read of a log.
type contents struct {
	metadata []byte
	state    *walpb.HardState
	ents     []*walpb.Entry
}

// at returns what should be read of the whole log when it is opened at a snapshot.
func (h history) at(snap *walpb.Snapshot) (c contents, ok bool) {
	ents, ok := h.entries(snap.GetIndex())
	return contents{metadata: h.metadata, state: h.state(), ents: ents}, ok
}
