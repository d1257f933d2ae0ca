package wal

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/crashmodel"
	"github.com/seed449c39bc/wal/internal/faultfs"
)

// Crashes: workloads live the life of a log on a simulated disk, and at every change that
// they make of it the power is cut, in many ways. What is left must open without help, with all
// that was acknowledged and nothing that was never saved.
//
// Where there are few images at a moment, all are tried; else so many are
// picked with a seed. A failure prints the seed, and these variables of the environment replay it:
//
//	WAL_TEST_CRASH_SEED    the seed, with -run for the workload
//	WAL_TEST_CRASH_IMAGES  how many images to try in all; make crash sets it
//	WAL_TEST_CRASH_KEEP    a directory for the files of an image that fails
//
// Two goroutines of the log can write in either order, so a seed gives the same
// images up to that; the image that is kept is exact.
const (
	crashSeedVariable   = "WAL_TEST_CRASH_SEED"
	crashImagesVariable = "WAL_TEST_CRASH_IMAGES"
	crashKeepVariable   = "WAL_TEST_CRASH_KEEP"
)

func newCrashPlan(t *testing.T, seed uint64) crashmodel.Plan {
	p := crashmodel.Plan{Seed: seed, Images: 1, Each: 1, All: 4}
	if v := os.Getenv(crashImagesVariable); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		require.NoError(t, err, crashImagesVariable)
		p.Images, p.Each, p.All = n, 8, 256
		p.Seed = newSeed(t)
	}
	if v := os.Getenv(crashSeedVariable); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		require.NoError(t, err, crashSeedVariable)
		p.Seed = n
	}
	t.Logf("%s=%d", crashSeedVariable, p.Seed)
	return p
}

var preallocations = map[string]Preallocation{"zero": PreallocateZero,
	"reserve": PreallocateReserve, "none": PreallocateNone}

// newCrashRun makes a run of a workload on an empty disk.
func newCrashRun(t *testing.T, wl crashWorkload, prealloc Preallocation, rnd *rand.Rand) *crashRun {
	size := wl.size
	if size == 0 {
		size = 512 << rnd.IntN(4)
	}
	opts := append([]Option{WithSegmentSize(size), WithPreallocation(prealloc), withChangingZeros()},
		wl.opts...)
	return &crashRun{t: t, rnd: rnd, opts: opts, kind: wl.kind,
		life: crashmodel.NewLife(crashfs.Image{}, nil, 0)}
}

func TestCrash_AtEveryMoment(t *testing.T) {
	plan := newCrashPlan(t, 1)
	share := plan.Images / int64(len(crashWorkloads)*len(preallocations))
	var total atomic.Int64
	t.Run("workloads", func(t *testing.T) {
		for i, wl := range crashWorkloads {
			for name, prealloc := range preallocations {
				if !plan.Long() && i%len(preallocations) != int(prealloc) {
					continue // a short run tries one of them
				}
				t.Run(wl.name+"/"+name, func(t *testing.T) {
					t.Parallel()
					images, moments, whole, rounds := int64(0), int64(0), int64(0), 0
					for ; rounds == 0 || images < share; rounds++ {
						rnd := plan.Random(wl.name, name, rounds)
						r := newCrashRun(t, wl, prealloc, rnd)
						wl.run(r)
						j := &crashmodel.Judge{Life: r.life, System: crashOptions(r.opts), Rand: rnd}
						requireSurvived(t, j.Everywhere(plan), r.life)
						images, moments, whole = images+j.Images, moments+j.Moments, whole+j.Whole
					}
					t.Logf("%s, preallocation %s: %d images at %d moments of %d runs; all there are at %d moments",
						wl.name, name, images, moments, rounds, whole)
					total.Add(images)
				})
			}
		}
	})
	t.Logf("crash images opened: %d; none refused, nothing lost, nothing that was never saved",
		total.Load())
}

// requireSurvived fails the test with all that is needed to find the cause.
func requireSurvived(t *testing.T, err error, l *crashmodel.Life) {
	if err == nil {
		return
	}
	where := "set " + crashKeepVariable + " to a directory to get the files"
	var f *crashmodel.Failure
	if keep := os.Getenv(crashKeepVariable); keep != "" && errors.As(err, &f) {
		dir, err := os.MkdirTemp(keep, "crash-")
		require.NoError(t, err)
		for name, data := range f.Image.Dir(crashDir) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		}
		where = "the files are in " + dir
	}
	require.FailNow(t, "a crash was not survived", "%v\n%s\nThe changes were:\n%s", err, where,
		l.Record)
}

// The judge notices disks that do not do what they say, and logs that promise more than they keep.
func TestCrash_TheJudgeSeesDisksAndLogsThatLie(t *testing.T) {
	lie := func(kinds ...faultfs.Kind) func(r *crashRun) {
		return func(r *crashRun) {
			r.life.Disk.Inject(func(c faultfs.Call) *crashfs.Fault {
				if slices.Contains(kinds, c.Kind) {
					return &crashfs.Fault{} // it is not done, and nil returned
				}
				return nil
			})
		}
	}
	tests := []struct {
		name   string
		before func(r *crashRun)
		after  func(l *crashmodel.Life)
		want   string
	}{
		{name: "no lie"},
		{name: "a datasync that does nothing", before: lie(faultfs.Datasync), want: "found entries"},
		{name: "a sync that does nothing", before: lie(faultfs.Sync), want: "log is corrupt"},
		{name: "a sync of a directory that does nothing", before: lie(faultfs.SyncDir),
			want: "found no log"},
		{name: "a truncation that does nothing", before: lie(faultfs.Truncate), want: "log is corrupt"},
		{name: "a save acknowledged before it is durable", after: func(l *crashmodel.Life) {
			for _, s := range l.Stages[1:] {
				s.Acked = s.Begun + 1
			}
		}, want: "allowed is\n  after "},
		{name: "a save that was not made", after: func(l *crashmodel.Life) {
			l.Stages = slices.Delete(l.Stages, 4, 5)
		}, want: "allowed is\n  after "},
		{name: "a byte that was not saved", after: func(l *crashmodel.Life) {
			c := *l.Newest()
			last := len(c.Entries) - 1
			e := *c.Entries[last]
			e.Data = append(slices.Clone(e.Data), 0)
			c.Entries = append(slices.Clone(c.Entries[:last]), &e)
			l.Stages[len(l.Stages)-1].Content = &c
		}, want: "allowed is\n  after "},
		{name: "a segment purged too early", after: func(l *crashmodel.Life) {
			l.Floors = l.Floors[:1]
		}, want: "entries up to 0 may be gone"},
	}
	wl := crashWorkloads[slices.IndexFunc(crashWorkloads,
		func(wl crashWorkload) bool { return wl.name == "release and purge" })]
	plan := newCrashPlan(t, 3)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rnd := plan.Random("lies")
			r := newCrashRun(t, wl, PreallocateReserve, rnd)
			var err error
			if tt.before != nil {
				tt.before(r)
				r.onError = func(_ string, e error) (goOn bool) { // it may show in the workload already
					err = errors.Join(err, e)
					return false
				}
			}
			wl.run(r)
			if tt.after != nil {
				tt.after(r.life)
			}
			if err == nil {
				j := &crashmodel.Judge{Life: r.life, System: crashOptions(r.opts), Rand: rnd}
				err = j.Everywhere(plan)
			}
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}
