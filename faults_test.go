package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

var errInjected = errors.New("injected fault")

// model is what a log should hold: entry i+1 at position i, none ever compacted.
type model struct {
	ents []log.LogEntry
	st   walpb.HardState
	snap uint64 // what was released, at most, is below it
}

func (m model) save(term, first, last uint64) model {
	m.ents = slices.Clone(m.ents[:first-1])
	for i := first; i <= last; i++ {
		m.ents = append(m.ents, entry(term, i, strings.Repeat(fmt.Sprintf("%d.%d ", term, i), 400)))
	}
	m.st.Term, m.st.Commit = term, last
	return m
}

// step is one call of the workload, and what it makes of a model.
type step struct {
	name string
	do   func(w *WAL, m model) error // m is what the log holds then
	then func(m model) model
	goOn bool // a failure need not end the log's life
}

func saveStep(term, first, last uint64) step {
	return step{
		name: fmt.Sprintf("save %d to %d in term %d", first, last, term),
		do: func(w *WAL, _ model) error {
			m := model{ents: make([]log.LogEntry, first-1)}.save(term, first, last)
			return w.Save(&m.st, m.ents[first-1:])
		},
		then: func(m model) model { return m.save(term, first, last) },
	}
}

func workload() []step {
	same := func(m model) model { return m }
	purge := step{name: "purge", goOn: true, then: same,
		do: func(w *WAL, _ model) error { _, err := w.Purge(); return err }}
	read := step{name: "read", goOn: true, then: same, do: func(w *WAL, m model) error {
		_, _, ents, err := w.ReadAll()
		if err == nil && !slices.Equal(encodeAll(ents), encodeAll(m.ents[w.FirstIndex()-1:])) {
			return errors.New("reads other entries")
		}
		return err
	}}
	snapshot := func(i uint64) []step {
		return []step{
			{name: "snapshot", do: func(w *WAL, _ model) error { return w.SaveSnap(at(i)) },
				then: func(m model) model { m.snap = i; return m }},
			{name: "release", do: func(w *WAL, _ model) error { return w.Release(at(i)) }, then: same},
		}
	}
	var steps []step
	for i := uint64(1); i <= 17; i += 2 { // several segments
		steps = append(steps, saveStep(1, i, i+1))
	}
	steps = append(steps, saveStep(2, 12, 13), read, saveStep(2, 14, 14))
	steps = append(steps, snapshot(13)...)
	steps = append(steps, purge)
	for i := uint64(15); i <= 24; i++ {
		steps = append(steps, saveStep(3, i, i))
	}
	steps = append(steps, step{name: "truncate", do: func(w *WAL, _ model) error { return w.TruncateBack(22) },
		then: func(m model) model { m.ents = slices.Clone(m.ents[:22]); return m }})
	steps = append(steps, saveStep(4, 23, 23), read)
	steps = append(steps, snapshot(22)...)
	return append(steps, purge)
}

func encodeAll(ents []log.LogEntry) []string {
	out := make([]string, len(ents))
	for i, e := range ents {
		data, err := e.Marshal()
		out[i] = fmt.Sprint(string(data), err)
	}
	return out
}

// faultMode is what a fault does.
type faultMode struct {
	name    string
	partial func(n int) int // bytes of a write of n that are written first
	writes  bool            // only writes are faulty: in other calls it is no different
	forGood bool            // all calls after it fail, too
}

var faultModes = []faultMode{
	{name: "before", partial: func(int) int { return 0 }},
	{name: "after half of it", partial: func(n int) int { return n / 2 }, writes: true},
	{name: "after all of it", partial: func(n int) int { return n }, writes: true},
	{name: "before, and all later ones", partial: func(n int) int { return n / 3 }, forGood: true},
}

// Whichever call on the file system fails, the error is final where it has to
// be, and nothing that was acknowledged is lost.
func TestAnyOneFailingCallLosesNothingAcknowledged(t *testing.T) {
	for _, prealloc := range []Preallocation{PreallocateZero, PreallocateReserve, PreallocateNone} {
		for _, mode := range faultModes {
			t.Run(fmt.Sprintf("preallocation %d, fails %s", prealloc, mode.name), func(t *testing.T) {
				for n := 0; ; n++ {
					r := &faultRun{t: t, mode: mode, n: n, opts: []Option{WithSegmentSize(16 << 10), WithPreallocation(prealloc)}}
					r.run()
					if !r.fired {
						t.Logf("%d calls failed, each in a run of its own; %d cuts, %d purged segments", n, r.cuts, r.purged)
						require.GreaterOrEqual(t, r.cuts, 4)
						require.GreaterOrEqual(t, r.purged, 3)
						return
					}
				}
			})
		}
	}
}

// faultRun is the workload with one fault, the n-th.
type faultRun struct {
	t     *testing.T
	mode  faultMode
	n     int
	opts  []Option
	calls int
	fired bool
	kind  op

	cuts, purged int

	fsys  *faultFS
	acked []model // the log is the first one, or one that was not acknowledged
}

func (r *faultRun) run() {
	r.opts = append(r.opts, WithListener(Listener{
		Cut:    func(CutEvent) { r.cuts++ },
		Purged: func(string) { r.purged++ },
	}))
	base := newMemFS(image{})
	r.fsys = &faultFS{FS: base}
	r.fsys.setFail(func(o op) (int, error) {
		if r.fired && r.mode.forGood {
			return r.mode.partial(o.n), errInjected
		}
		if r.fired || r.mode.writes && o.kind != opWrite {
			return 0, nil
		}
		if r.calls++; r.calls <= r.n {
			return 0, nil
		}
		r.fired, r.kind = true, o
		return r.mode.partial(o.n), errInjected
	})
	opts := append([]Option{withFS(r.fsys)}, r.opts...)
	r.acked = []model{{}}
	r.work(opts)
	r.fsys.setFail(nil)
	r.check(base, opts)
}

// work does the workload, its second half after a reopening, until something fails for good.
func (r *faultRun) work(opts []Option) {
	steps := workload()
	w, err := Create(nil, memDir, []byte("metadata"), opts...)
	if err != nil {
		require.ErrorIs(r.t, err, errInjected, r.what())
		return
	}
	half := len(steps) * 2 / 3
	if !r.steps(w, steps[:half]) || !r.close(w) {
		return
	}
	if w, err = Open(nil, memDir, nil, opts...); err != nil {
		require.ErrorIs(r.t, err, errInjected, r.what())
		return
	}
	if r.steps(w, steps[half:]) {
		r.close(w)
	}
}

// steps does steps, and returns whether the log is still alive behind them.
func (r *faultRun) steps(w *WAL, steps []step) bool {
	for _, s := range steps {
		before := r.acked[0]
		err := s.do(w, before)
		settle(w)
		if err == nil {
			r.acked[0] = s.then(before)
			continue
		}
		require.ErrorIs(r.t, err, errInjected, "%s: %s", s.name, r.what())
		if s.goOn && !errors.Is(err, ErrFailed) {
			require.NoError(r.t, w.life.err(), "%s: %s", s.name, r.what())
			continue
		}
		require.ErrorIs(r.t, err, ErrFailed, "%s: %s", s.name, r.what())
		r.acked = append(r.acked, s.then(before))
		r.fsys.record()
		requireAllFail(r.t, w, err)
		require.Empty(r.t, r.fsys.record(opWrite, opTruncate, opRename, opRemove, opSync, opDatasync), r.what())
		require.Equal(r.t, err, w.Close(), r.what())
		require.NoError(r.t, w.Close(), r.what())
		return false
	}
	return true
}

func (r *faultRun) close(w *WAL) bool {
	err := w.Close()
	if err != nil {
		require.ErrorIs(r.t, err, errInjected, r.what())
	}
	require.NoError(r.t, w.Close(), r.what())
	return true // whatever it was, the log can be opened again
}

// settle waits for what runs in the background, so that the n-th call is always the same one.
func settle(w *WAL) {
	w.writer.Lock()
	prep := w.pipeline.next
	w.writer.Unlock()
	if prep != nil {
		<-prep.done
	}
}

func (r *faultRun) what() string {
	return fmt.Sprintf("call %d, %s of %s, failed %s", r.n, r.kind.kind, r.kind.name, r.mode.name)
}

// check opens the log without faults and compares it with what was acknowledged.
func (r *faultRun) check(base *memFS, opts []Option) {
	w, err := Open(nil, memDir, nil, opts...)
	if errors.Is(err, fs.ErrNotExist) && len(r.acked[0].ents) == 0 {
		require.NotContains(r.t, base.image().names(), segmentName{}.String())
		w, err = Create(nil, memDir, []byte("metadata"), opts...)
	}
	require.NoError(r.t, err, r.what())
	metadata, st, ents, err := w.ReadAll()
	require.NoError(r.t, err, r.what())
	require.Equal(r.t, "metadata", string(metadata), r.what())
	matches := false
	for _, m := range r.acked {
		first := w.FirstIndex()
		matches = matches || w.LastIndex() == uint64(len(m.ents)) && first <= m.snap+1 &&
			*st.(*walpb.HardState) == m.st && slices.Equal(encodeAll(ents), encodeAll(m.ents[first-1:]))
	}
	require.True(r.t, matches, "%s: the log holds neither what was acknowledged nor that and the save that failed: entries %d to %d, %+v; acknowledged %d, %+v",
		r.what(), w.FirstIndex(), w.LastIndex(), st, len(r.acked[0].ents), r.acked[0].st)

	next := w.LastIndex() + 1
	require.NoError(r.t, w.SaveEntry(entries(next, next)), r.what())
	require.NoError(r.t, w.Close(), r.what())
	report, err := Verify(nil, memDir, withFS(base))
	require.NoError(r.t, err, r.what())
	require.Nil(r.t, report.Torn)
	require.Equal(r.t, next, report.LastIndex)
	for _, name := range base.image().names() {
		require.False(r.t, tmpPattern.MatchString(name), "%s is left: %s", name, r.what())
	}
}
