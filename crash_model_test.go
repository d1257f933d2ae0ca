package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// crashContent is what a log holds, in plain memory. It is never changed.
type crashContent struct {
	low  uint64 // the lowest index that can be there
	ents []*walpb.Entry
	jump uint64 // not 0: the entries are not shown, and the log goes on behind this index
	st   walpb.HardState
	snap walpb.Snapshot
}

// end is behind the last entry that is there, be it shown or not.
func (c *crashContent) end() uint64 { return c.low + uint64(len(c.ents)) }

func (c *crashContent) last() uint64 { return max(c.jump, c.end()-1) }

// shown is what is to be seen of the content.
func (c crashContent) shown() crashContent {
	if c.jump > 0 {
		c.low, c.ents, c.jump = c.jump+1, nil, 0
	}
	return c
}

// put returns the content with an entry over or behind those that are there.
func (c crashContent) put(e *walpb.Entry) *crashContent {
	if e.Index < c.low || e.Index > c.end() {
		c.low, c.ents = e.Index, nil
	}
	c.jump = 0
	c.ents = append(slices.Clone(c.ents[:e.Index-c.low]), e)
	return &c
}

func (c crashContent) withState(st walpb.HardState) *crashContent {
	c.st = st
	return &c
}

// withSnapshot returns the content with a snapshot, which makes it jump if it is above the last entry.
func (c crashContent) withSnapshot(snap walpb.Snapshot) *crashContent {
	if c.snap = snap; snap.Index > c.last() {
		c.jump = snap.Index
	}
	return &c
}

func (c crashContent) truncated(to uint64) *crashContent {
	switch {
	case to >= c.last():
	case to >= c.end():
		c.jump = to
	default:
		c.jump = 0
		c.ents = slices.Clone(c.ents[:max(to+1, c.low)-c.low])
		c.low = min(c.low, to+1)
	}
	return &c
}

// restored returns the content that a Restore leaves.
func (c crashContent) restored(snap walpb.Snapshot, st *walpb.HardState, ents []*walpb.Entry) *crashContent {
	r := &crashContent{low: snap.Index + 1, ents: ents, st: c.st, snap: snap}
	if st != nil {
		r.st = *st
	}
	return r
}

func (c crashContent) compacted(to uint64) *crashContent {
	if to > c.last() {
		return &c
	}
	if to >= c.low {
		c.ents, c.low = c.ents[min(to+1-c.low, uint64(len(c.ents))):], to+1
	}
	if c.jump <= to {
		c.jump = 0
	}
	if c.snap.Index < to {
		c.snap = walpb.Snapshot{}
	}
	return &c
}

// crashFound is what an open found. nil: no log.
type crashFound struct {
	first uint64
	crashContent
}

// foundIn reads all of an open log, by both ways of reading, which must agree.
func foundIn(v *view, metadata string) (*crashFound, error) {
	got, st, ents, err := v.ReadAll()
	if err != nil {
		return nil, err
	}
	if string(got) != metadata {
		return nil, fmt.Errorf("metadata is %q, want %q", got, metadata)
	}
	f := &crashFound{first: v.FirstIndex()}
	f.st, f.snap = *hardState(st), *v.Snapshot().(*walpb.Snapshot)
	f.low = f.first
	if got := v.LastIndex(); got+1 != f.first+uint64(len(ents)) {
		return nil, fmt.Errorf("last index is %d, but there are %d entries from %d on", got, len(ents), f.first)
	}
	i := f.first
	for ent, err := range v.Entries(f.first, v.LastIndex()+1) {
		if err != nil {
			return nil, err
		}
		e := ent.(*walpb.Entry)
		if e.Index != i || !sameEntry(e, ents[i-f.first].(*walpb.Entry)) {
			return nil, fmt.Errorf("entry %d read by index differs from that of ReadAll", i)
		}
		f.ents = append(f.ents, e)
		i++
	}
	if len(ents) > 0 {
		e, err := v.Entry(f.last())
		if err != nil {
			return nil, err
		}
		if !sameEntry(e.(*walpb.Entry), f.ents[len(ents)-1]) {
			return nil, fmt.Errorf("entry %d alone differs from that of ReadAll", f.last())
		}
	}
	return f, nil
}

// hardState is a state of one of the types that the workloads save.
func hardState(st log.HardState) *walpb.HardState {
	if lazy, ok := st.(*lazyState); ok {
		return &lazy.HardState
	}
	return st.(*walpb.HardState)
}

func sameEntry(a, b *walpb.Entry) bool {
	return a.Type == b.Type && a.Term == b.Term && a.Index == b.Index && bytes.Equal(a.Data, b.Data)
}

// is tells whether an open found this content; entries up to floor may be gone. nil is no log.
func (c *crashContent) is(f *crashFound, floor uint64) bool {
	if c == nil || f == nil {
		return c == nil && f == nil
	}
	s := c.shown()
	if s.st != f.st || !sameSnapshot(&s.snap, &f.snap) || s.last() != f.last() ||
		f.first < s.low || f.first > max(s.low, floor+1) {
		return false
	}
	return slices.EqualFunc(s.ents[f.first-s.low:], f.ents, sameEntry)
}

func sameSnapshot(a, b *walpb.Snapshot) bool { return a.Index == b.Index && a.Term == b.Term }

func (c *crashContent) String() string {
	if c == nil {
		return "no log"
	}
	s := fmt.Sprintf("entries %d to %d, jump to %d, state %+v, snapshot %d.%d:", c.low, c.end()-1, c.jump, c.st, c.snap.Term, c.snap.Index)
	for _, e := range c.ents {
		s += fmt.Sprintf(" %d.%d(%d)%.12q", e.Term, e.Index, len(e.Data), e.Data)
	}
	return s
}

// same tells whether another open found the same.
func (f *crashFound) same(g *crashFound) bool {
	return g != nil && f.first == g.first && f.crashContent.is(g, f.first-1)
}

func (f *crashFound) content() *crashContent {
	if f == nil {
		return nil
	}
	return &f.crashContent
}

// crashStage is the log after one save.
type crashStage struct {
	what    string
	content *crashContent
	begun   int    // the changes of the disk when it was called
	acked   int    // and when it had returned nil; -1: it has not, or promised nothing
	kept    uint64 // the entries above it were written by this save, so no purge before it took them
}

// crashLife is a log's life on one disk, and what it promised when.
type crashLife struct {
	disk   *crashfs.Disk
	rec    *crashfs.Record
	stages []*crashStage // in the order in which they stand in the log; the first was there before
	floors []crashFloor
}

// crashFloor says that from some change on entries up to an index may have been purged.
type crashFloor struct {
	begun  int
	index  uint64
	stages int // how many there were then
}

// newLife begins a life on a disk that holds a log; no log if it is nil.
func newLife(im crashfs.Image, there *crashContent, floor uint64) *crashLife {
	l := &crashLife{disk: crashfs.New(im)}
	l.rec = l.disk.Record()
	l.stages = []*crashStage{{what: "what was there", content: there, begun: -1, kept: math.MaxUint64}}
	l.floors = []crashFloor{{begun: -1, index: floor, stages: 1}}
	return l
}

func (l *crashLife) newest() *crashContent { return l.stages[len(l.stages)-1].content }

// floor is up to where entries may be gone after k changes if the log is at a stage.
func (l *crashLife) floor(k, stage int) (floor uint64) {
	for _, p := range l.floors {
		if p.begun >= k {
			continue
		}
		gone := p.index
		for _, s := range l.stages[min(p.stages, stage+1) : stage+1] {
			gone = min(gone, s.kept)
		}
		floor = max(floor, gone)
	}
	return floor
}

// allowed returns the first and last stage of which a crash after k changes must leave one.
func (l *crashLife) allowed(k int) (lo, hi int) {
	for i, s := range l.stages {
		if s.begun < k {
			hi = i
		}
		if s.acked >= 0 && s.acked <= k {
			lo = i
		}
	}
	return lo, max(lo, hi)
}

// explains returns the stage at which a crash after k changes was found to leave
// the log. It is an error if that is none that it may be at.
func (l *crashLife) explains(k int, f *crashFound) (stage int, err error) {
	lo, hi := l.allowed(k)
	for i := hi; i >= lo; i-- {
		if l.stages[i].content.is(f, l.floor(k, i)) {
			return i, nil
		}
	}
	msg := fmt.Sprintf("found %v; entries up to %d may be gone, and allowed is", f.content(), l.floor(k, hi))
	for i, s := range l.stages {
		note := ""
		if s.content.is(f, l.floor(k, i)) {
			note = ", which is what was found"
		}
		if lo <= i && i <= hi || note != "" {
			msg += fmt.Sprintf("\n  after %s (%d, begun %d, acknowledged %d)%s: %v", s.what, i, s.begun, s.acked, note, s.content)
		}
	}
	return 0, errors.New(msg)
}

// openFound opens the log on a disk, and returns what is in it.
func openFound(disk *crashfs.Disk, opts []Option) (*WAL, *crashFound, error) {
	w, err := Open(nil, crashDir, nil, append(slices.Clone(opts), withFS(disk))...)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := foundIn(&w.view, crashMetadata)
	return w, f, err
}

// createFound creates the log that a crash has left none of.
func createFound(disk *crashfs.Disk, opts []Option) (*WAL, *crashFound, error) {
	w, err := Create(nil, crashDir, []byte(crashMetadata), append(slices.Clone(opts), withFS(disk))...)
	if err != nil {
		return nil, nil, fmt.Errorf("there is no log, and none can be created: %w", err)
	}
	f, err := foundIn(&w.view, crashMetadata)
	return w, f, err
}
