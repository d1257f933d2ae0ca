package wal

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/crashmodel"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

const (
	crashDir      = "parent/log"
	crashMetadata = "metadata"
)

// crashRun lives the life of a log for a workload, and notes what the log may
// hold at any moment of it.
type crashRun struct {
	t    *testing.T
	rnd  *rand.Rand
	opts []Option
	kind crashKind
	life *crashmodel.Life
	w    *WAL
	next int // payloads made so far

	// onError is told of every call that fails, and returns whether the workload
	// may go on. nil: a failing call fails the test.
	onError func(what string, err error) (goOn bool)
	dead    bool                // the workload is over; further calls do nothing
	onDisk  func(*crashfs.Disk) // is told of the disk of a further life; may be nil

	mu sync.Mutex // guards life, next and dead where a workload has several goroutines
}

// crashKind is what a log of some kind promises less than others.
type crashKind struct {
	etcd   bool // each record stands for itself
	noSync bool // nothing is durable before a sync
	lazy   bool // states alone are not durable before a sync
}

// at is the moment, as the number of changes of the disk.
func (r *crashRun) at() int { return r.life.Record.Len() }

// failed takes note of a call's error and returns whether there is one.
func (r *crashRun) failed(what string, err error) bool {
	if err == nil {
		return false
	}
	if r.onError == nil {
		require.NoError(r.t, err, what)
	}
	if !r.onError(what, err) {
		r.dead = true
	}
	return true
}

func (r *crashRun) options() []Option { return append([]Option{withFS(r.life.Disk)}, r.opts...) }

func (r *crashRun) create() {
	if r.dead {
		return
	}
	s := r.stage("create", &crashmodel.Content{Low: 1})
	w, err := Create(nil, crashDir, []byte(crashMetadata), r.options()...)
	if !r.failed("create", err) {
		r.w = w
		s.Acked = r.at()
	}
}

// open opens the log that the life has.
func (r *crashRun) open() {
	if r.dead {
		return
	}
	w, err := Open(nil, crashDir, nil, r.options()...)
	if r.failed("open", err) {
		return
	}
	r.w = w
	f, err := foundIn(&w.view, crashMetadata)
	if r.failed("read", err) {
		return
	}
	// What it shows is there from now on.
	stage, err := r.life.Explains(r.at(), f)
	require.NoError(r.t, err)
	r.life.Stages[stage].Acked = r.at()
	r.life.Stages = r.life.Stages[:stage+1]
	for i := range r.life.Floors {
		r.life.Floors[i].Stages = min(r.life.Floors[i].Stages, stage+1)
	}
}

// stage begins a new stage of the life.
func (r *crashRun) stage(what string, c *crashmodel.Content) *crashmodel.Stage {
	s := &crashmodel.Stage{What: what, Content: c, Begun: r.at(), Acked: -1, Kept: math.MaxUint64}
	r.life.Stages = append(r.life.Stages, s)
	return s
}

// payload makes data that no other entry has, from a few bytes to what size says.
func (r *crashRun) payload(size int) []byte {
	r.next++
	b := fmt.Appendf(nil, "<%d>", r.next)
	switch r.rnd.IntN(5) {
	case 0: // mostly zeros
		b = append(b, make([]byte, size)...)
	case 1: // a bit here and there
		b = append(b, []byte(strings.Repeat(string(make([]byte, 500))+"\x10", size/501+1))[:size]...)
	default:
		for len(b) < size {
			b = append(b, byte(r.rnd.Uint32()))
		}
	}
	return b
}

// entry makes an entry with a payload of up to size bytes.
func (r *crashRun) entry(term, index uint64, size int) *walpb.Entry {
	return &walpb.Entry{Term: term, Index: index, Data: r.payload(r.rnd.IntN(size + 1))}
}

// entries makes n entries behind the last one.
func (r *crashRun) entries(n, size int) []*walpb.Entry {
	ents := make([]*walpb.Entry, n)
	for i := range ents {
		ents[i] = r.entry(1, r.life.Newest().Last()+1+uint64(i), size)
	}
	return ents
}

// state makes a state that no other save has.
func (r *crashRun) state() *walpb.HardState {
	r.next++
	return &walpb.HardState{Term: uint64(r.next), Vote: 1, Commit: uint64(r.next)}
}

// saved are the stages that a save makes: one or, in etcd's format, one for each record.
func (r *crashRun) saved(what string, st *walpb.HardState, ents []*walpb.Entry) *crashmodel.Stage {
	c := r.life.Newest()
	var s *crashmodel.Stage
	records := 0
	step := func(next *crashmodel.Content) {
		if c = next; records == 0 || r.kind.etcd {
			s = r.stage(what, c)
		}
		s.Content = c
		records++
	}
	for _, e := range ents {
		step(c.Put(e))
		s.Kept = min(s.Kept, e.Index-1)
	}
	if st != nil {
		step(c.WithState(*st))
	}
	return s
}

func (r *crashRun) logState(st *walpb.HardState) log.HardState {
	switch {
	case st == nil:
		return nil
	case r.kind.lazy:
		return &lazyState{*st}
	}
	return st
}

func logEntries(ents []*walpb.Entry) []log.LogEntry {
	out := make([]log.LogEntry, len(ents))
	for i, e := range ents {
		out[i] = e
	}
	return out
}

func (r *crashRun) save(st *walpb.HardState, ents ...*walpb.Entry) {
	if r.dead {
		return
	}
	what := fmt.Sprintf("save of %d entries", len(ents))
	before := len(r.life.Stages)
	s := r.saved(what, st, ents)
	cuts := r.w.Stats().Cuts
	err := r.w.Save(r.logState(st), logEntries(ents))
	r.settle()
	r.refused(before, err)
	promised := !r.kind.noSync && (len(ents) > 0 || !r.kind.lazy)
	if !r.failed(what, err) && (promised || r.w.Stats().Cuts > cuts) {
		s.Acked = r.at()
	}
}

// refused takes the stages of a call back that was refused for want of something: nothing of it is
// written.
func (r *crashRun) refused(before int, err error) {
	if errors.Is(err, ErrShortage) {
		r.life.Stages = r.life.Stages[:before]
	}
}

// change is any other call that makes a stage.
func (r *crashRun) change(what string, c *crashmodel.Content, call func() error) {
	r.changeAbove(math.MaxUint64, what, c, call)
}

// changeAbove is change by a call that writes all entries above an index, which no purge before has
// taken.
func (r *crashRun) changeAbove(kept uint64, what string, c *crashmodel.Content, call func() error) {
	if r.dead {
		return
	}
	before := len(r.life.Stages)
	s := r.stage(what, c)
	s.Kept = kept
	cuts := r.w.Stats().Cuts
	err := call()
	r.settle()
	r.refused(before, err)
	if !r.failed(what, err) && (!r.kind.noSync || r.w.Stats().Cuts > cuts) {
		s.Acked = r.at()
	}
}

func (r *crashRun) snapshot(i uint64) {
	snap := walpb.Snapshot{Index: i, Term: 1}
	r.change(fmt.Sprintf("snapshot %d", i), r.life.Newest().WithSnapshot(snap),
		func() error { return r.w.SaveSnap(&snap) })
}

func (r *crashRun) truncate(to uint64) {
	r.change(fmt.Sprintf("truncation to %d", to), r.life.Newest().Truncated(to),
		func() error { return r.w.TruncateBack(to) })
}

// trailered reports whether what is saved next has trailers. A truncation that began the segment
// for it may have been refused.
func (r *crashRun) trailered() bool {
	if r.dead || r.w == nil {
		return true
	}
	r.w.writer.Lock()
	defer r.w.writer.Unlock()
	return r.w.open.enc.trailered
}

// restore replaces the log by a snapshot and n entries behind it.
func (r *crashRun) restore(i uint64, n, size int) {
	if r.dead {
		return
	}
	snap := walpb.Snapshot{Index: i, Term: 1}
	ents := make([]*walpb.Entry, n)
	for k := range ents {
		ents[k] = r.entry(2, i+1+uint64(k), size)
	}
	var st *walpb.HardState
	if n%2 == 1 {
		st = r.state()
	}
	c := r.life.Newest().Restored(snap, st, ents)
	r.changeAbove(i, fmt.Sprintf("restore to %d", i), c,
		func() error { return r.w.Restore(&snap, r.logState(st), logEntries(ents)) })
}

func (r *crashRun) compact(to uint64) {
	r.change(fmt.Sprintf("compaction to %d", to), r.life.Newest().Compacted(to),
		func() error { return r.w.Compact(to) })
}

// purge releases what the snapshot does not need, and deletes it.
func (r *crashRun) purge(i uint64) {
	if r.dead {
		return
	}
	if r.failed("release", r.w.Release(at(i))) {
		return
	}
	r.life.Floors = append(r.life.Floors,
		crashmodel.Floor{Begun: r.at(), Index: i, Stages: len(r.life.Stages)})
	removed, err := r.w.Purge()
	if !r.failed("purge", err) && removed > 0 { // what they were released for is durable
		r.life.Stages[len(r.life.Stages)-1].Acked = r.at()
	}
}

// sync makes the stages so far durable, whatever their saves promised.
func (r *crashRun) sync() {
	if !r.dead && !r.failed("sync", r.w.Sync()) {
		r.life.Stages[len(r.life.Stages)-1].Acked = r.at()
	}
}

func (r *crashRun) close() {
	if !r.dead && !r.failed("close", r.w.Close()) {
		r.life.Stages[len(r.life.Stages)-1].Acked = r.at()
	}
}

func (r *crashRun) reopen() {
	r.close()
	r.open()
}

// die ends the process, but not the machine, and begins a new one.
func (r *crashRun) die() {
	if r.dead {
		return
	}
	r.settle()
	r.life.Disk.Kill()
	r.open()
}

// abandon ends the use of the log as a death would, and opens it again in the same process.
func (r *crashRun) abandon() {
	if r.dead {
		return
	}
	r.settle()
	at := r.at()
	r.w.Abandon()
	require.Equal(r.t, at, r.at(), "Abandon changes the disk")
	r.open()
}

// backup copies the log, as its owner or as somebody else, and makes sure that the copy is that
// log.
func (r *crashRun) backup(owner bool) {
	if r.dead {
		return
	}
	r.next++
	dir := fmt.Sprintf("backups/%d", r.next)
	var err error
	if owner {
		err = r.w.Backup(dir)
	} else {
		err = Backup(nil, crashDir, dir, r.options()...)
	}
	if r.failed("backup", err) {
		return
	}
	w, err := OpenForRead(nil, dir, nil, r.options()...)
	if r.failed("backup opened", err) {
		return
	}
	f, err := foundIn(&w.view, crashMetadata)
	require.NoError(r.t, w.Close())
	if r.failed("backup read", err) {
		return
	}
	want, floor := r.life.Newest(), r.life.Floor(r.at()+1, len(r.life.Stages)-1)
	require.True(r.t, want.Is(f, floor), "the backup has %v\nwant %v\nentries up to %d may be gone",
		f.Contents(), want, floor)
}

// settle waits for what runs in the background, so that a seed gives the same
// changes in the same order, as far as that can be.
func (r *crashRun) settle() {
	if r.w != nil {
		settle(r.w)
	}
}

// powerCut cuts the power at some moment of the life so far, not before its
// last part of so many changes. What the disk then holds is the beginning of another life, which
// first calls mend, if that is not nil.
func (r *crashRun) powerCut(part int, mend func()) {
	if r.dead {
		return
	}
	k := r.at() - r.rnd.IntN(min(part, r.at())+1)
	m := r.life.Record.Media()
	for m.At() < k {
		m.Advance()
	}
	im := m.Sample(r.rnd)
	_, f, err := openFound(crashfs.New(im.Clone()), r.opts)
	require.NoError(r.t, err)
	stage, err := r.life.Explains(k, f)
	require.NoError(r.t, err)
	r.life = crashmodel.NewLife(im, r.life.Stages[stage].Content, r.life.Floor(k, stage))
	if r.onDisk != nil {
		r.onDisk(r.life.Disk)
	}
	if mend != nil && f != nil {
		mend()
	}
	if f == nil {
		r.create()
		return
	}
	r.open()
}
