package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/killer"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/walpb"
)

// Every method from many goroutines at the same time, and then the end: a close, a
// failing disk, or no power. The users are those of the kill test, and so is the check:
// the log is what it was after one of their calls in order, and holds every one that returned nil.

// within fails the test if a function does not return in time, and says where everybody is.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		panic(what + " hangs") // which shows all goroutines
	}
}

// ackRecorder is a report that keeps how far the disk was at each acknowledgement.
type ackRecorder struct {
	told bytes.Buffer
	disk *crashfs.Record
	acks []acked
}

// acked is the moment of an acknowledgement.
type acked struct {
	told int // bytes of the report by then
	at   int // changes of the disk by then
}

func (r *ackRecorder) Write(line []byte) (int, error) {
	n, err := r.told.Write(line)
	if line[0] == 'A' {
		r.acks = append(r.acks, acked{r.told.Len(), r.disk.Len()})
	}
	return n, err
}

// After every single acknowledgement, what was synced by then holds it and all before it,
// in a log that opens. So no call returns nil before its data is durable; not those either
// that wait while the log is closed.
func TestConcurrency_EveryAcknowledgementIsDurableAtThatMoment(t *testing.T) {
	seed := newSeed(t)
	images := 0
	for round := range 6 {
		rng := rand.New(rand.NewPCG(seed, uint64(round)))
		disk := newMemFS(nil)
		r := &ackRecorder{disk: disk.Record()}
		w, err := Create(nil, memDir, []byte("kill"), withFS(faultfs.Slow(disk, 100*time.Microsecond)),
			WithSegmentSize(4<<10+rng.Int64N(12<<10)), WithPreallocation(Preallocation(round%3)))
		require.NoError(t, err)
		c := &killChild{Life: killer.Life{Round: 1}, w: w, reports: r}
		within(t, "a close while all is going on", func() {
			errs := c.use(seed, func() {
				c.await(20 + rng.Int64N(60))
				require.NoError(t, w.Close())
			})
			requireAllAre(t, errs, ErrClosed)
		})
		told, media := r.told.String(), r.disk.Media()
		r.acks = append(r.acks, acked{len(told), r.disk.Len()}) // the close itself
		for _, a := range r.acks {
			for media.At() < a.at {
				require.True(t, media.Advance())
			}
			requireAckedIn(t, media.Oldest().Dir(memDir), told[:a.told])
		}
		images += len(r.acks)
	}
	t.Logf("%d acknowledgements, the power failed after each", images)
	require.Greater(t, images, 100)
}

func requireAllAre(t *testing.T, errs []error, want error) {
	for _, err := range errs {
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

// requireAckedIn makes sure that the image is a log that holds what the report says.
func requireAckedIn(t *testing.T, im image, told string) {
	var r killer.Report
	require.NoError(t, r.Parse(bytesLines(told)))
	w, err := Open(nil, memDir, nil, withFS(newMemFS(im)), WithPreallocation(PreallocateNone))
	require.NoError(t, err)
	defer w.Close()
	found, first := heldBy(t, &w.view)
	require.LessOrEqual(t, first, found.Snap+1)
	require.NoError(t, r.Agrees(&killer.Model{}, found, first), "%d bytes of reports", len(told))
}

// bytesLines are the lines of a report with their ends.
func bytesLines(told string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for line := range bytes.Lines([]byte(told)) {
			if !yield(string(line)) {
				return
			}
		}
	}
}

// liveWith uses a log on the real disk in every way at once, readers and those who
// try to open it a second time among them, until end returns.
func liveWith(
	t *testing.T, fsys vfs.FS, seed uint64, end func(c *killChild),
) (c *killChild, errs []error) {
	dir := filepath.Join(t.TempDir(), "log")
	w, err := Create(nil, dir, []byte("kill"), withFS(fsys), WithSegmentSize(8<<10))
	require.NoError(t, err)
	var report bytes.Buffer
	_, sound := fsys.(vfs.OS)
	c = &killChild{Life: killer.Life{Round: 1, Dir: dir}, w: w, reports: &report, alone: !sound}
	within(t, "the life of a log", func() {
		errs = c.use(seed, func() { end(c) }, c.readOne, c.readEverything, c.look, c.beLockedOut)
	})
	if err := w.Close(); err != nil {
		require.ErrorIs(t, err, ErrFailed)
	}
	var r killer.Report
	require.NoError(t, r.Parse(bytesLines(report.String())))
	w, err = Open(nil, dir, nil)
	require.NoError(t, err)
	defer w.Close()
	found, first := heldBy(t, &w.view)
	require.NoError(t, r.Agrees(&killer.Model{}, found, first))
	t.Logf("%d calls, %d acknowledged", len(r.Ops), r.Acks())
	return c, errs
}

func (c *killChild) readOne(rng *rand.Rand) error {
	_, err := c.w.Entry(c.w.FirstIndex() + rng.Uint64N(50))
	if errors.Is(err, ErrCompacted) || errors.Is(err, ErrNotFound) {
		return nil
	}
	_, _, _ = c.w.State(), c.w.Snapshot(), c.w.Metadata()
	return err
}

func (c *killChild) readEverything(*rand.Rand) error {
	time.Sleep(time.Millisecond)
	_, _, ents, err := c.w.ReadAll()
	if errors.Is(err, ErrCompacted) {
		return nil
	}
	for i := range ents {
		if ents[i].GetIndex() != ents[0].GetIndex()+uint64(i) {
			return fmt.Errorf("ReadAll gives entry %d behind entry %d", ents[i].GetIndex(),
				ents[i-1].GetIndex())
		}
	}
	return err
}

// look reads the log as another process would.
func (c *killChild) look(*rand.Rand) error {
	time.Sleep(time.Millisecond)
	if _, err := Verify(nil, c.Dir); err != nil {
		return err
	}
	if _, err := ValidSnapshots(nil, c.Dir); err != nil {
		return err
	}
	r, err := OpenForRead(nil, c.Dir, nil)
	if err != nil {
		return err
	}
	if _, _, _, err = r.ReadAll(); err != nil && !errors.Is(err, ErrCompacted) {
		return err
	}
	return r.Close()
}

// beLockedOut tries to open the log a second time; it may when it is closed.
func (c *killChild) beLockedOut(*rand.Rand) error {
	time.Sleep(5 * time.Millisecond)
	if c.w.sticky.err() != nil {
		return nil
	}
	_, err := Repair(nil, c.Dir)
	if errors.Is(err, ErrLocked) || c.w.sticky.err() != nil {
		return nil
	}
	return fmt.Errorf("a second writer got in: %v", err)
}

func TestConcurrency_AllAtOnceAndThenSeveralCloses(t *testing.T) {
	seed := newSeed(t)
	for round := range uint64(3) {
		_, errs := liveWith(t, vfs.OS{}, seed+round, func(c *killChild) {
			c.await(100 + 100*int64(round))
			var wait sync.WaitGroup
			for range 3 {
				wait.Go(func() {
					if err := c.w.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			wait.Wait()
		})
		requireAllAre(t, errs, ErrClosed)
	}
}

func TestConcurrency_AllAtOnceAndThenTheDiskFails(t *testing.T) {
	seed := newSeed(t)
	for round, kind := range []faultfs.Kind{faultfs.Datasync, faultfs.Write, faultfs.Sync,
		faultfs.SyncDir, faultfs.Rename} {
		t.Run(string(kind), func(t *testing.T) {
			fsys := faultfs.New()
			left := 20
			if !slices.Contains([]faultfs.Kind{faultfs.Datasync, faultfs.Write}, kind) {
				left = 4 // there are fewer of them
			}
			failed := make(chan struct{})
			_, errs := liveWith(t, fsys, seed+uint64(round), func(c *killChild) {
				c.await(50)
				fsys.Fail(func(o faultfs.Call) (int, error) {
					if o.Kind != kind {
						return 0, nil
					}
					if left--; left > 0 {
						return 0, nil
					}
					if left == 0 {
						close(failed)
					}
					return o.N / 2, syscall.EIO
				})
				<-failed
				time.Sleep(20 * time.Millisecond) // for those who wait, and those who come
			})
			require.NotEmpty(t, errs)
			requireAllAre(t, errs, ErrFailed)
			requireAllAre(t, errs, syscall.EIO)
		})
	}
}

func TestConcurrency_SavesAreEachWholeAndInTheOrderOfTheirIndexes(t *testing.T) {
	w, dir := newLog(t, WithNoSync())
	var mu sync.Mutex // hands out indexes; the log may be called by all at once
	next := uint64(1)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 30 {
				mu.Lock()
				first := next
				next += 3
				p, err := w.Append(nil, entries(first, first+2))
				mu.Unlock()
				if err == nil {
					err = w.SaveState(&walpb.HardState{Term: first})
				}
				if err == nil {
					err = p.Wait()
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, w.Close())
	require.Equal(t, entries(1, 360), readAll(t, dir, nil))
}
