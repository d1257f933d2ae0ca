package wal

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
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

// crashPlan is how thoroughly a test goes about it.
type crashPlan struct {
	seed   uint64
	images int64  // in all
	each   int    // images picked at a moment
	all    uint64 // moments with up to so many images have all of them tried
}

func newCrashPlan(t *testing.T, seed uint64) crashPlan {
	p := crashPlan{seed: seed, images: 1, each: 1, all: 16}
	if v := os.Getenv(crashImagesVariable); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		require.NoError(t, err, crashImagesVariable)
		p.images, p.each, p.all = n, 6, 1024
		p.seed = rand.Uint64()
	}
	if v := os.Getenv(crashSeedVariable); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		require.NoError(t, err, crashSeedVariable)
		p.seed = n
	}
	t.Logf("%s=%d", crashSeedVariable, p.seed)
	return p
}

// random is a source for one thing, the same for the same seed and names.
func (p crashPlan) random(names ...any) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, names...)
	return rand.New(rand.NewPCG(p.seed, h.Sum64()))
}

var preallocations = map[string]Preallocation{"zero": PreallocateZero, "reserve": PreallocateReserve, "none": PreallocateNone}

// newCrashRun makes a run of a workload on an empty disk.
func newCrashRun(t *testing.T, wl crashWorkload, prealloc Preallocation, rnd *rand.Rand) *crashRun {
	size := wl.size
	if size == 0 {
		size = 512 << rnd.IntN(4)
	}
	opts := append([]Option{WithSegmentSize(size), WithPreallocation(prealloc)}, wl.opts...)
	return &crashRun{t: t, rnd: rnd, opts: opts, kind: wl.kind, life: newLife(crashfs.Image{}, nil, 0)}
}

// crashCount is what was tried.
type crashCount struct {
	images, moments, whole, refused atomic.Int64
}

func TestCrashAtEveryMoment(t *testing.T) {
	plan := newCrashPlan(t, 1)
	share := plan.images / int64(len(crashWorkloads)*len(preallocations))
	var total atomic.Int64
	t.Run("workloads", func(t *testing.T) {
		for _, wl := range crashWorkloads {
			for name, prealloc := range preallocations {
				t.Run(wl.name+"/"+name, func(t *testing.T) {
					t.Parallel()
					var n crashCount
					rounds := 0
					for ; rounds == 0 || n.images.Load() < share; rounds++ {
						rnd := plan.random(wl.name, name, rounds)
						r := newCrashRun(t, wl, prealloc, rnd)
						wl.run(r)
						r.life.cutEverywhere(t, plan, rnd, r.opts, &n)
					}
					t.Logf("%d images at %d moments in %d runs; all there are at %d of them", n.images.Load(), n.moments.Load(), rounds, n.whole.Load())
					total.Add(n.images.Load())
					require.Zero(t, n.refused.Load(), "refused: it looks like a flipped bit")
				})
			}
		}
	})
	t.Logf("crash images opened: %d, none refused, nothing lost", total.Load())
}

// cutEverywhere cuts the power at every moment of a life.
func (l *crashLife) cutEverywhere(t *testing.T, plan crashPlan, rnd *rand.Rand, opts []Option, n *crashCount) {
	m := l.rec.Media()
	for more := true; more; more = m.Advance() {
		n.moments.Add(1)
		l.require(t, m.At(), "of the process", nil, l.checkKilled(m, opts, rnd, n), n)
		if m.Images() <= plan.all {
			n.whole.Add(1)
			m.Each(func(im crashfs.Image) bool {
				l.judge(t, m.At(), im, opts, rnd, n)
				return true
			})
			continue
		}
		for range plan.each {
			l.judge(t, m.At(), m.Sample(rnd), opts, rnd, n)
		}
	}
}

// looksFlipped tells whether an open was refused because of what docs/FORMAT.md
// names: by chance a torn record can look like one with a flipped bit.
func looksFlipped(err error) bool {
	var c *CorruptionError
	return errors.As(err, &c) && c.Reason == "one bit of the record is flipped"
}

// judge opens what a crash after k changes left, and goes through all that must hold.
func (l *crashLife) judge(t *testing.T, k int, im crashfs.Image, opts []Option, rnd *rand.Rand, n *crashCount) {
	n.images.Add(1)
	l.require(t, k, "of the machine", im, l.check(k, im, opts, rnd, n), n)
}

// require fails the test if a crash after k changes was not survived.
func (l *crashLife) require(t *testing.T, k int, whose string, im crashfs.Image, err error, n *crashCount) {
	if err == nil {
		return
	}
	if looksFlipped(err) {
		n.refused.Add(1)
	}
	require.FailNow(t, "a crash "+whose, "after %d changes: %v\n%s\n%s", k, err, keepImage(t, im), l.rec)
}

// checkKilled kills the process, opens the log, and then cuts the power: what
// the open has shown must still be there.
func (l *crashLife) checkKilled(m *crashfs.Media, opts []Option, rnd *rand.Rand, n *crashCount) error {
	k := m.At()
	disk, rec := m.Killed()
	w, f, err := openFound(disk, opts)
	if err == nil {
		err = l.explains(k, f)
	}
	if err == nil && f == nil {
		w, f, err = createFound(disk, opts)
	}
	if err != nil {
		return err
	}
	opened := rec.Len()
	middle := rnd.IntN(opened + 1)
	after := rec.Media()
	for at := 0; at <= opened; at++ {
		if at == middle || at == opened {
			n.images.Add(1)
			_, g, err := openFound(crashfs.New(after.Sample(rnd)), opts)
			if there := f.crashContent.is(g, f.first-1); err == nil && !there {
				err = l.explains(k, g)
			}
			if err == nil && at == opened && !f.crashContent.is(g, f.first-1) {
				err = fmt.Errorf("found %v, and before the power cut %v", g.content(), f.content())
			}
			if err != nil {
				return fmt.Errorf("a power cut at change %d of %d of the open after it: %w", at, opened, err)
			}
		}
		after.Advance()
	}
	if rnd.IntN(8) == 0 {
		return goesOn(w, disk, opts)
	}
	return nil
}

// check is judge's work. It opens the image, opens it again, and cuts the
// power while it is opened the first time, and right after.
func (l *crashLife) check(k int, im crashfs.Image, opts []Option, rnd *rand.Rand, n *crashCount) error {
	kept := im
	if rnd.IntN(4) == 0 {
		if err := l.checkUnhealed(k, im.Clone(), opts); err != nil {
			return fmt.Errorf("without healing: %w", err)
		}
	}
	disk := crashfs.New(kept.Clone())
	rec := disk.Record()
	w, f, err := openFound(disk, opts)
	if err != nil {
		return err
	}
	if err := l.explains(k, f); err != nil {
		return err
	}
	created := f == nil
	if created {
		if w, f, err = createFound(disk, opts); err != nil {
			return err
		}
	}
	opened := rec.Len()
	again := func(im crashfs.Image, what string) error {
		healed := false
		opts := append(opts[:len(opts):len(opts)], WithListener(Listener{Healed: func(TornTail) { healed = true }}))
		_, g, err := openFound(crashfs.New(im), opts)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", what, err)
		case created && g == nil && what == during:
			return nil
		case !f.crashContent.is(g, f.first-1) || g.first != f.first:
			return fmt.Errorf("%s: found %v, and before %v", what, g.content(), f.content())
		case healed && what == secondOpen:
			return fmt.Errorf("%s heals once more", what)
		}
		return nil
	}
	if err := again(disk.Image(), secondOpen); err != nil {
		return err
	}
	m := rec.Media()
	stop := []int{rnd.IntN(opened + 1), rnd.IntN(opened + 1), opened}
	for m.At() < opened {
		m.Advance()
		for _, at := range stop {
			if m.At() == at {
				n.images.Add(1)
				what := during
				if at == opened {
					what = "after a power cut behind the first open"
				}
				if err := again(m.Sample(rnd), what); err != nil {
					return fmt.Errorf("change %d of %d of the first open: %w", at, opened, err)
				}
			}
		}
	}
	if rnd.IntN(8) == 0 {
		return goesOn(w, disk, opts)
	}
	return nil
}

const (
	secondOpen = "the second open"
	during     = "after a power cut during the first open"
)

// checkUnhealed reads the image as it is.
func (l *crashLife) checkUnhealed(k int, im crashfs.Image, opts []Option) error {
	r, err := OpenForRead(nil, crashDir, nil, append(opts[:len(opts):len(opts)], withFS(crashfs.New(im)))...)
	if errors.Is(err, os.ErrNotExist) {
		return l.explains(k, nil)
	}
	if err != nil {
		return err
	}
	f, err := foundIn(&r.view, crashMetadata)
	if err != nil {
		return err
	}
	return l.explains(k, f)
}

// goesOn saves one entry more, closes the log and verifies it.
func goesOn(w *WAL, disk *crashfs.Disk, opts []Option) error {
	last := w.LastIndex()
	if err := w.SaveEntry(entries(last+1, last+1)); err != nil {
		return fmt.Errorf("the next save: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("close after the next save: %w", err)
	}
	report, err := Verify(nil, crashDir, append(opts[:len(opts):len(opts)], withFS(disk))...)
	switch {
	case err != nil:
		return fmt.Errorf("verify after the next save: %w", err)
	case report.Torn != nil || report.LastIndex != last+1:
		return fmt.Errorf("verify after the next save: %+v", report)
	}
	return nil
}

// keepImage writes the files of an image where it is asked for, and says where.
func keepImage(t *testing.T, im crashfs.Image) string {
	keep := os.Getenv(crashKeepVariable)
	if keep == "" {
		return "set " + crashKeepVariable + " to a directory to get the files"
	}
	dir, err := os.MkdirTemp(keep, "crash-")
	require.NoError(t, err)
	for name, data := range im.Dir(crashDir) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return "the files are in " + dir
}
