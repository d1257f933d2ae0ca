package crashmodel

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/seed449c39bc/wal/walpb"
)

// Content is what a log holds, in plain memory. It is never changed: what a call leaves is a new
// one.
type Content struct {
	Low      uint64 // the lowest index that can be there
	Entries  []*walpb.Entry
	Jump     uint64 // not 0: the entries are not shown, and the log goes on behind this index
	State    walpb.HardState
	Snapshot walpb.Snapshot
}

// end returns the index behind the last entry that is there, be it shown or not.
func (c *Content) end() uint64 { return c.Low + uint64(len(c.Entries)) }

// Last returns the last index of the log.
func (c *Content) Last() uint64 { return max(c.Jump, c.end()-1) }

// shown returns what an open shows of the content.
func (c Content) shown() Content {
	if c.Jump > 0 {
		c.Low, c.Entries, c.Jump = c.Jump+1, nil, 0
	}
	return c
}

// Put returns the content with an entry over or behind those that are there.
func (c Content) Put(e *walpb.Entry) *Content {
	if e.Index < c.Low || e.Index > c.end() {
		c.Low, c.Entries = e.Index, nil
	}
	c.Jump = 0
	c.Entries = append(slices.Clone(c.Entries[:e.Index-c.Low]), e)
	return &c
}

// WithState returns the content with a state.
func (c Content) WithState(st walpb.HardState) *Content {
	c.State = st
	return &c
}

// WithSnapshot returns the content with a snapshot, which makes it jump if it is above the last
// entry.
func (c Content) WithSnapshot(snap walpb.Snapshot) *Content {
	if c.Snapshot = snap; snap.Index > c.Last() {
		c.Jump = snap.Index
	}
	return &c
}

// Truncated returns the content without the entries above an index.
func (c Content) Truncated(to uint64) *Content {
	switch {
	case to >= c.Last():
	case to >= c.end():
		c.Jump = to
	default:
		c.Jump = 0
		c.Entries = slices.Clone(c.Entries[:max(to+1, c.Low)-c.Low])
		c.Low = min(c.Low, to+1)
	}
	return &c
}

// Restored returns the content that a Restore leaves.
func (c Content) Restored(snap walpb.Snapshot, st *walpb.HardState, ents []*walpb.Entry) *Content {
	r := &Content{Low: snap.Index + 1, Entries: ents, State: c.State, Snapshot: snap}
	if st != nil {
		r.State = *st
	}
	return r
}

// Compacted returns the content without the entries up to an index.
func (c Content) Compacted(to uint64) *Content {
	if to > c.Last() {
		return &c
	}
	if to >= c.Low {
		c.Entries, c.Low = c.Entries[min(to+1-c.Low, uint64(len(c.Entries))):], to+1
	}
	if c.Jump <= to {
		c.Jump = 0
	}
	if c.Snapshot.Index < to {
		c.Snapshot = walpb.Snapshot{}
	}
	return &c
}

// Found is what an open found. nil is no log.
type Found struct {
	First uint64
	Content
}

// SameEntry reports whether two entries have the same fields.
func SameEntry(a, b *walpb.Entry) bool {
	return a.Type == b.Type && a.Term == b.Term && a.Index == b.Index && bytes.Equal(a.Data, b.Data)
}

// Is reports whether an open found this content. Entries up to floor may be gone. A nil Content is
// no log.
func (c *Content) Is(f *Found, floor uint64) bool {
	if c == nil || f == nil {
		return c == nil && f == nil
	}
	s := c.shown()
	if s.State != f.State || !SameSnapshot(&s.Snapshot, &f.Snapshot) || s.Last() != f.Last() ||
		f.First < s.Low || f.First > max(s.Low, floor+1) {
		return false
	}
	return slices.EqualFunc(s.Entries[f.First-s.Low:], f.Entries, SameEntry)
}

// SameSnapshot reports whether two snapshots have the same index and term.
func SameSnapshot(a, b *walpb.Snapshot) bool { return a.Index == b.Index && a.Term == b.Term }

// String returns the content in words.
func (c *Content) String() string {
	if c == nil {
		return "no log"
	}
	s := fmt.Sprintf("entries %d to %d, jump to %d, state %+v, snapshot %d.%d:", c.Low, c.end()-1,
		c.Jump, c.State, c.Snapshot.Term, c.Snapshot.Index)
	for _, e := range c.Entries {
		s += fmt.Sprintf(" %d.%d(%d)%.12q", e.Term, e.Index, len(e.Data), e.Data)
	}
	return s
}

// same reports whether another open found the same.
func (f *Found) same(g *Found) bool {
	return g != nil && f.First == g.First && f.Content.Is(g, f.First-1)
}

// Contents returns what was found as a Content.
func (f *Found) Contents() *Content {
	if f == nil {
		return nil
	}
	return &f.Content
}
