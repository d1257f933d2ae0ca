package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/crashmodel"
	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/walpb"
)

// paces are how a writer takes its steps between the calls of a reader.
var paces = []struct {
	name string
	turn func(rnd *rand.Rand) func(c faultfs.Call) int
}{
	{"a step before each call", func(*rand.Rand) func(faultfs.Call) int {
		return func(faultfs.Call) int { return 1 }
	}},
	{"some steps before each call", func(rnd *rand.Rand) func(faultfs.Call) int {
		return func(faultfs.Call) int { return 1 + rnd.IntN(6) }
	}},
	{"many steps before some reads", func(rnd *rand.Rand) func(faultfs.Call) int {
		return func(c faultfs.Call) int {
			if c.Kind == faultfs.Read && rnd.IntN(3) == 0 {
				return rnd.IntN(40)
			}
			return 1
		}
	}},
}

// besideRun is one reading beside the writer of a workload, which takes its steps on a replayed
// disk.
type besideRun struct {
	life   *crashmodel.Life
	opts   []Option
	disk   *crashfs.Replay
	moving bool // the writer takes steps
	from   int  // changes that were behind when the reading began
}

func newBesideRun(r *crashRun, rnd *rand.Rand) *besideRun {
	b := &besideRun{life: r.life, opts: r.opts}
	turn := paces[rnd.IntN(len(paces))].turn(rnd)
	b.disk = r.life.Record.Replay(rnd, func(_ *crashfs.Replay, c faultfs.Call) int {
		if !b.moving {
			return 0
		}
		return turn(c)
	})
	b.disk.Skip(rnd.IntN(r.life.Record.Len() + 1))
	b.from = b.disk.At()
	b.opts = append(r.opts[:len(r.opts):len(r.opts)], withFS(b.disk))
	b.moving = true
	return b
}

// sound tells whether what was found is what the log held at a moment of the reading.
func (b *besideRun) sound(f *crashmodel.Found) error {
	lo, _ := b.life.Allowed(b.from)
	to := b.disk.Begun() + 1
	_, hi := b.life.Allowed(to)
	for i := hi; i >= lo; i-- {
		if b.life.Stages[i].Content.Is(f, b.life.Floor(to, i)) {
			return nil
		}
	}
	_, err := b.life.Explains(to, f)
	return fmt.Errorf("between changes %d and %d: %v", b.from, to, err)
}

// endsAt tells whether the log ended at an index at a moment of the reading.
func (b *besideRun) endsAt(last uint64) error {
	lo, _ := b.life.Allowed(b.from)
	_, hi := b.life.Allowed(b.disk.Begun() + 1)
	for _, s := range b.life.Stages[lo : hi+1] {
		if s.Content != nil && s.Content.Last() == last {
			return nil
		}
	}
	return fmt.Errorf("it ends at entry %d, as it never did between changes %d and %d",
		last, b.from, b.disk.Begun())
}

// noLog tells whether there may have been none.
func (b *besideRun) noLog(err error) bool {
	return errors.Is(err, fs.ErrNotExist) && b.sound(nil) == nil
}

// open reads the log with OpenForRead, and then what is in it, while the writer goes on or stands
// still.
func (b *besideRun) open(goesOn bool) error {
	r, err := OpenForRead(nil, crashDir, nil, b.opts...)
	if err != nil {
		return err
	}
	defer r.Close()
	b.moving = goesOn
	f, err := foundIn(&r.view, crashMetadata)
	if errors.Is(err, ErrCompacted) {
		return nil // purged meanwhile
	}
	if err != nil {
		return fmt.Errorf("reading what was found: %w", err)
	}
	return b.sound(f)
}

// besideWays are the ways to read the log.
var besideWays = []func(b *besideRun, made bool) error{
	func(b *besideRun, _ bool) error { return b.open(true) },
	func(b *besideRun, _ bool) error { return b.open(false) },
	(*besideRun).verify,
	func(b *besideRun, _ bool) error {
		_, err := ValidSnapshots(nil, crashDir, b.opts...)
		return err
	},
	func(b *besideRun, _ bool) error {
		for _, err := range Records(crashDir, b.opts...) {
			if err != nil {
				return err
			}
		}
		return nil
	},
	func(b *besideRun, _ bool) error { return b.atNewest() },
	func(b *besideRun, _ bool) error { return b.backup() },
}

// run reads the log in one of the ways.
func (b *besideRun) run(way int, made bool) error {
	err := besideWays[way%len(besideWays)](b, made)
	if b.noLog(err) {
		return nil
	}
	return err
}

// verify tells what is wrong with what Verify says. A log that was made on an
// empty disk has no torn tail.
func (b *besideRun) verify(made bool) error {
	report, err := Verify(nil, crashDir, b.opts...)
	if err != nil {
		return err
	}
	if made && report.Torn != nil {
		return fmt.Errorf("a torn tail where nobody died: %+v", *report.Torn)
	}
	return b.endsAt(report.LastIndex)
}

// atNewest reads the log from the newest snapshot on, as a state machine does.
func (b *besideRun) atNewest() error {
	snaps, err := ValidSnapshots(nil, crashDir, b.opts...)
	if err != nil || len(snaps) == 0 {
		return err
	}
	r, err := OpenForRead(nil, crashDir, snaps[len(snaps)-1], b.opts...)
	if errors.Is(err, ErrSnapshotNotFound) || errors.Is(err, ErrIndexGap) {
		return nil // purged or replaced since it was listed
	}
	if err != nil {
		return err
	}
	defer r.Close()
	_, _, _, err = r.ReadAll()
	if errors.Is(err, ErrCompacted) {
		return nil
	}
	return err
}

// backup copies the log, and reads the copy.
func (b *besideRun) backup() error {
	const copied = "copy"
	if err := Backup(nil, crashDir, copied, b.opts...); err != nil {
		return err
	}
	b.moving = false
	r, err := OpenForRead(nil, copied, nil, b.opts...)
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := foundIn(&r.view, crashMetadata)
	if err != nil {
		return fmt.Errorf("reading the copy: %w", err)
	}
	return b.sound(f)
}

// besideWorkloads are larger than what is read at once: the end is read, and read again to judge
// it.
var besideWorkloads = []crashWorkload{
	{name: "a large segment", size: 700 << 10, run: func(r *crashRun) {
		r.create()
		for range 25 {
			r.save(nil, r.entries(1, 100)...)
			r.save(r.state(), r.entries(2, 30<<10)...)
		}
	}},
	{name: "records larger than a read", size: 2 << 20, run: func(r *crashRun) {
		r.create()
		for i := range 8 {
			data := make([]byte, (200+100*i%500)<<10)
			for i := range data {
				data[i] = byte(i*i>>7 + i)
			}
			r.save(nil, &walpb.Entry{Term: 1, Index: r.life.Newest().Last() + 1, Data: data})
			r.save(nil, r.entries(1, 100)...)
		}
	}},
}

// Every reader, beside a writer that takes its next step between any two reads of it, over all
// that a log does. Set WAL_TEST_CRASH_IMAGES for the long form.
func TestBeside_ReadersAndEveryStepOfAWriter(t *testing.T) {
	plan := newCrashPlan(t, 6)
	rounds := int64(80)
	if plan.Long() {
		rounds = max(rounds, plan.Images/int64(10*len(crashWorkloads)))
	}
	var total atomic.Int64
	t.Run("workloads", func(t *testing.T) {
		for i, wl := range slices.Concat(crashWorkloads, besideWorkloads) {
			t.Run(wl.name, func(t *testing.T) {
				t.Parallel()
				for round := int64(0); round < rounds; round += 40 {
					rnd := plan.Random(wl.name, "beside", round)
					r := newCrashRun(t, wl, Preallocation((i+int(round)/40)%len(preallocations)), rnd)
					begun := r.life
					wl.run(r)
					made := begun == r.life // it began on an empty disk
					for n := range 40 {
						b := newBesideRun(r, rnd)
						err := b.run(n, made)
						total.Add(1)
						require.NoError(t, err, "reading %d beside changes %d to %d of\n%s",
							n, b.from, b.disk.At(), r.life.Record)
					}
				}
			})
		}
	})
	t.Logf("readings beside a writer: %d; no false alarm", total.Load())
}

// One synced save at a time, seen by the decoder without its last record and by the judge with it.
func TestBeside_JudgeSeesWhatTheDecoderDidNot(t *testing.T) {
	wl := crashWorkload{name: "small saves", size: 700 << 10, run: func(r *crashRun) {
		r.create()
		// Zeros are written far ahead of this one.
		r.save(nil, r.entry(1, 1, 10), &walpb.Entry{Index: 2, Data: make([]byte, 257<<10)})
		for range 20 {
			r.save(nil, r.entries(1, 100)...)
		}
	}}
	rnd := rand.New(rand.NewPCG(4, 4))
	r := newCrashRun(t, wl, PreallocateZero, rnd)
	wl.run(r)
	for name, read := range readers {
		t.Run(name, func(t *testing.T) {
			for from := r.life.Record.Len() - 36; from < r.life.Record.Len(); from++ {
				moving := false
				disk := r.life.Record.Replay(rnd, func(_ *crashfs.Replay, c faultfs.Call) int {
					if moving && c.Kind == faultfs.Read {
						return 2 // a write and its sync
					}
					return 0
				})
				disk.Skip(from)
				moving = true
				_, err := read(crashDir, append(r.opts[:len(r.opts):len(r.opts)], withFS(disk))...)
				require.NoError(t, err, "from change %d on", from)
			}
		})
	}
}
