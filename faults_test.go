package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/crashmodel"
	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/frame"
)

var errInjected = errors.New("injected fault")

// faultMode is a way in which a call fails.
type faultMode struct {
	name    string
	kinds   []faultfs.Kind            // the calls that can fail so; nil: all
	fault   func(n int) crashfs.Fault // n: bytes of a write
	forGood bool                      // all calls after it fail, too
}

var (
	syncing  = []faultfs.Kind{faultfs.Sync, faultfs.Datasync}
	spending = []faultfs.Kind{faultfs.Write, faultfs.Truncate, faultfs.Reserve, faultfs.Create,
		faultfs.Mkdir, faultfs.Rename}
	finishing = append([]faultfs.Kind{faultfs.SyncDir, faultfs.Remove},
		slices.Concat(syncing, spending)...)
)

var faultModes = []faultMode{
	{name: "an error", fault: func(int) crashfs.Fault { return crashfs.Fault{Err: errInjected} }},
	{name: "no space", kinds: spending, fault: func(n int) crashfs.Fault {
		return crashfs.Fault{Err: fmt.Errorf("%w: %w", errInjected, syscall.ENOSPC), Partial: n * 3 / 4}
	}},
	{name: "half a write", kinds: []faultfs.Kind{faultfs.Write}, fault: func(n int) crashfs.Fault {
		return crashfs.Fault{Err: errInjected, Partial: n / 2}
	}},
	{name: "a sync that loses its pages", kinds: syncing, fault: func(int) crashfs.Fault {
		return crashfs.Fault{Err: errInjected, Clean: true}
	}},
	{name: "an error although it was done", kinds: finishing, fault: func(int) crashfs.Fault {
		return crashfs.Fault{Err: errInjected, Done: true}
	}},
	{name: "an error, and all later calls", forGood: true, fault: func(n int) crashfs.Fault {
		return crashfs.Fault{Err: errInjected, Partial: n / 3}
	}},
}

// Whichever call on the file system fails, and in whichever way, the error is
// final where it has to be, and nothing that was acknowledged is lost: neither when the
// log is opened again, nor when the power is cut after the fault or after that.
func TestFaults_AnyOneFailingCallLosesNothingAcknowledged(t *testing.T) {
	plan := newCrashPlan(t, 2)
	stride, preallocs := 17, 1 // calls from one that fails to the next
	if plan.Long() {
		stride, preallocs = 1, len(preallocations)
	}
	var total atomic.Int64
	t.Run("workloads", func(t *testing.T) {
		for i, wl := range crashWorkloads {
			for j, mode := range faultModes {
				t.Run(wl.name+"/"+mode.name, func(t *testing.T) {
					t.Parallel()
					fired, images := 0, 0
					for p := range preallocs {
						prealloc := Preallocation((i + j + p) % len(preallocations))
						for n := plan.Random(wl.name, mode.name).IntN(stride); ; n += stride {
							f := newFaultRun(t, wl, mode, prealloc, n, plan.Random(wl.name, mode.name, "life"))
							f.run(wl)
							if !f.fired {
								break
							}
							fired++
							images += f.images
						}
					}
					t.Logf("%s, %s: %d calls failed, each in a run of its own; %d images of a crash after it",
						wl.name, mode.name, fired, images)
					total.Add(int64(fired))
				})
			}
		}
	})
	t.Logf("calls that failed: %d; nothing acknowledged was lost, and nothing succeeded after a "+
		"failure", total.Load())
}

// faultRun is a workload with one fault, the n-th call that can fail so.
type faultRun struct {
	*crashRun
	mode   faultMode
	n      int
	calls  int // under the disk's lock, as the next two
	fired  bool
	call   faultfs.Call
	final  error // what ended the log's life
	closed bool  // by the call that failed
	images int
}

func newFaultRun(t *testing.T, wl crashWorkload, mode faultMode, prealloc Preallocation, n int,
	rnd *rand.Rand) *faultRun {
	f := &faultRun{crashRun: newCrashRun(t, wl, prealloc, rnd), mode: mode, n: n}
	f.onError = f.failing
	f.onDisk = func(d *crashfs.Disk) { d.Inject(f.inject) }
	f.onDisk(f.life.Disk)
	return f
}

func (f *faultRun) inject(c faultfs.Call) *crashfs.Fault {
	counts := !f.fired && (f.mode.kinds == nil || slices.Contains(f.mode.kinds, c.Kind))
	if counts {
		f.calls++
	}
	if counts && f.calls == f.n+1 {
		f.fired, f.call = true, c
	} else if !f.fired || !f.mode.forGood {
		return nil
	}
	fault := f.mode.fault(c.N)
	if f.kind.etcd { // torn within a sector, a record without a trailer may be refused
		end := c.Off + int64(fault.Partial)
		fault.Partial = int(max(0, end-end%frame.SectorSize-c.Off))
	}
	return &fault
}

func (f *faultRun) what() string {
	return fmt.Sprintf("%s at call %d, %s of %s", f.mode.name, f.n, f.call.Kind, f.call.Name)
}

// failing judges the error of a call. What has to be final is: all but reading, purging, what could
// not be prepared, and closing files at the very end.
func (f *faultRun) failing(what string, err error) (goOn bool) {
	if f.fired && (what == "release" && errors.Is(err, ErrSnapshotNotFound) ||
		strings.HasPrefix(what, "compaction ") && errors.Is(err, ErrNotFound)) {
		return true // the SaveSnap before it was refused
	}
	require.ErrorIs(f.t, err, errInjected, "%s: %s", what, f.what())
	switch {
	case f.w == nil || what == "open" || what == "repair" || what == "create":
		return false
	case errors.Is(err, ErrFailed):
		f.final, f.closed = f.w.sticky.err(), what == "close"
		require.Equal(f.t, f.final, err, "%s: %s", what, f.what())
		return false
	case errors.Is(err, ErrShortage):
		if !f.mode.forGood { // otherwise a call beside this one may have failed meanwhile
			require.NoError(f.t, f.w.sticky.err(), f.what())
		}
		return true
	case what == "read":
		f.w.Close()
		f.w = nil
		return false
	}
	what, _, _ = strings.Cut(what, " ")
	// a compaction ends with a purge
	require.Contains(f.t, []string{"purge", "compaction", "backup", "close"}, what, f.what())
	return true
}

// run lives the workload's life, then opens the log again, saves, and cuts the power at
// each change since the fault.
func (f *faultRun) run(wl crashWorkload) {
	wl.run(f.crashRun)
	if !f.fired {
		return
	}
	if f.final != nil {
		before := f.at()
		f.requireFinal()
		require.Equal(f.t, before, f.at(), "something is written after the failure: %s", f.what())
		err := f.w.Close()
		if !f.closed {
			require.Equal(f.t, f.final, err, f.what())
		}
		require.Equal(f.t, err, f.w.Close(), "again: %s", f.what())
	} else if f.w != nil && !f.dead {
		f.close()
	}
	require.Zero(f.t, f.life.Disk.Opened(), "files are left open: %s", f.what())
	f.life.Disk.Inject(nil)
	f.mode.forGood, f.dead, f.onError = false, false, nil
	m := f.life.Record.Media()
	for m.Advance() {
	}
	f.cut(m)
	f.again()
	for m.Advance() {
		f.cut(m)
	}
}

// requireFinal makes sure that every call returns the error that ended the log's life.
func (f *faultRun) requireFinal() {
	for name, call := range callsOf(f.w) {
		// a truncation and its like in etcd's format never do anything
		if err := call(); !errors.Is(err, errors.ErrUnsupported) {
			require.Equal(f.t, f.final, err, "%s after %s", name, f.what())
		}
	}
}

// again opens the log without faults, or creates it if there is none, and goes on with it.
func (f *faultRun) again() {
	w, err := Open(nil, crashDir, nil, f.options()...)
	if lo, _ := f.life.Allowed(f.at()); errors.Is(err, fs.ErrNotExist) &&
		f.life.Stages[lo].Content == nil {
		f.life.Stages = f.life.Stages[:1]
		f.create()
	} else {
		require.NoError(f.t, err, f.what())
		require.NoError(f.t, w.Close())
		f.open()
	}
	f.save(nil, f.entries(1, 100)...)
	f.close()
	report, err := Verify(nil, crashDir, f.options()...)
	require.NoError(f.t, err, f.what())
	require.Nil(f.t, report.Torn, f.what())
	for name := range f.life.Disk.Image() {
		require.False(f.t, strings.HasSuffix(name, ".tmp"), "%s is left: %s", name, f.what())
	}
}

// cut cuts the power.
func (f *faultRun) cut(m *crashfs.Media) {
	f.images++
	im := m.Sample(f.rnd)
	_, found, err := openFound(crashfs.New(im.Clone()), f.opts)
	if err == nil {
		_, err = f.life.Explains(m.At(), found)
	}
	if err != nil {
		requireSurvived(f.t, &crashmodel.Failure{Moment: m.At(), Whose: "machine after " + f.what(),
			Image: im, Err: err}, f.life)
	}
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
