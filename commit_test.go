package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// orderly hands out indexes and appends, as a program with many callers does it.
type orderly struct {
	mu   sync.Mutex
	w    *WAL
	last uint64
}

// save appends n entries as one save and waits for it. It returns the last index.
func (a *orderly) save(n int, data string) (uint64, error) {
	a.mu.Lock()
	ents := make([]log.LogEntry, n)
	for i := range ents {
		ents[i] = entry(1, a.last+uint64(i)+1, data)
	}
	p, err := a.w.Append(nil, ents)
	if err != nil {
		a.mu.Unlock()
		return 0, err
	}
	a.last += uint64(n)
	last := a.last
	a.mu.Unlock()
	return last, p.Wait()
}

// raise makes to at least last.
func raise(to *atomic.Uint64, last uint64) {
	for was := to.Load(); was < last && !to.CompareAndSwap(was, last); was = to.Load() {
	}
}

// slowSyncs makes every sync of a segment take a while, so that saves gather.
func slowSyncs(f *faultfs.FS, d time.Duration) {
	f.Fail(func(o faultfs.Call) (int, error) {
		if o.Kind == faultfs.Datasync {
			time.Sleep(d)
		}
		return 0, nil
	})
}

func TestCommit_ConcurrentSavesShareSyncs(t *testing.T) {
	const callers, rounds = 32, 20
	dir := t.TempDir()
	fsys := faultfs.New()
	w, err := Create(nil, dir, nil, withFS(fsys))
	require.NoError(t, err)
	slowSyncs(fsys, time.Millisecond)
	a := &orderly{w: w}
	var wait sync.WaitGroup
	for range callers {
		wait.Go(func() {
			for range rounds {
				if _, err := a.save(1, "x"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	s := w.Stats()
	require.EqualValues(t, callers*rounds, s.Saves)
	t.Logf("%d saves, %d syncs, took %v", s.Saves, s.Syncs, s.SyncTime)
	require.Less(t, s.Syncs, s.Saves/4, "a batch holds most of the callers")
	require.NoError(t, w.Close())
	require.Equal(t, callers*rounds, len(readAll(t, dir, nil)))
}

func TestCommit_ALoneSaveIsWrittenAndSyncedOnceByItsCaller(t *testing.T) {
	fsys := faultfs.New()
	w, err := Create(nil, t.TempDir(), nil, withFS(fsys))
	require.NoError(t, err)
	defer w.Close()
	fsys.Take()
	require.NoError(t, w.SaveEntry(entries(1, 1)))
	ops := fsys.Take()
	require.Len(t, ops, 2)
	require.Equal(t, faultfs.Write, ops[0].Kind)
	require.Equal(t, faultfs.Datasync, ops[1].Kind)
}

func TestCommit_ASaveAllocatesNothing(t *testing.T) {
	w, err := Create(nil, t.TempDir(), nil)
	require.NoError(t, err)
	defer w.Close()
	e := &walpb.Entry{Term: 1, Data: make([]byte, 1024)}
	ents := []log.LogEntry{e}
	save := func() {
		e.Index++
		if err := w.SaveEntry(ents); err != nil {
			t.Error(err)
		}
	}
	save()
	// The index grows by an extent per 64 KiB; that is far less than one per save.
	require.Less(t, testing.AllocsPerRun(200, save), 1.0)
}

// slowAndFailing makes each datasync slow, and fails a kind of call from the nth one on.
func slowAndFailing(kind faultfs.Kind, nth int) func(faultfs.Call) (int, error) {
	count := 0
	return func(o faultfs.Call) (int, error) {
		if o.Kind == faultfs.Datasync {
			time.Sleep(time.Millisecond)
		}
		if o.Kind == kind {
			if count++; count >= nth {
				return 0, syscall.EIO
			}
		}
		return 0, nil
	}
}

func TestCommit_AFailureReachesEveryWaiterAndEveryLaterCall(t *testing.T) {
	const callers = 16
	for _, kind := range []faultfs.Kind{faultfs.Write, faultfs.Datasync} {
		t.Run(string(kind), func(t *testing.T) {
			dir := t.TempDir()
			fsys := faultfs.New()
			w, err := Create(nil, dir, nil, withFS(fsys))
			require.NoError(t, err)
			a := &orderly{w: w}
			var acked sync.Map
			fsys.Fail(slowAndFailing(kind, 10))
			var wait sync.WaitGroup
			for range callers {
				wait.Go(func() {
					for {
						last, err := a.save(2, "payload")
						if err != nil {
							if !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.EIO) {
								t.Error("not the sticky error:", err)
							}
							return
						}
						acked.Store(last, true)
					}
				})
			}
			wait.Wait()
			require.ErrorIs(t, w.SaveEntry(entries(1, 1)), ErrFailed)
			require.ErrorIs(t, w.Sync(), ErrFailed)
			_, err = w.Append(nil, entries(1, 1))
			require.ErrorIs(t, err, ErrFailed)
			require.ErrorIs(t, w.TruncateBack(0), ErrFailed)
			require.ErrorIs(t, w.Close(), ErrFailed)
			require.ErrorIs(t, w.Close(), ErrFailed, "again")

			got := readAll(t, dir, nil)
			acked.Range(func(last, _ any) bool {
				require.GreaterOrEqual(t, uint64(len(got)), last.(uint64), "an acknowledged save is gone")
				return true
			})
			require.Zero(t, len(got)%2, "half a save")
		})
	}
}

// A failure outside the leading ends the log too: callers that wait for a batch that nobody will
// write any more are told.
func TestCommit_AFailedPurgeDoesNotLeaveSavesWaiting(t *testing.T) {
	fsys := faultfs.New()
	w, err := Create(nil, t.TempDir(), nil, withFS(fsys), WithSegmentSize(4<<10))
	require.NoError(t, err)
	fillSegments(t, w, 2)
	last := w.LastIndex()
	require.NoError(t, w.SaveSnap(&walpb.Snapshot{Index: last, Term: 1}))
	require.NoError(t, w.Release(&walpb.Snapshot{Index: last, Term: 1}))

	syncing, disk := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var first, second *Pending
	w.dir = hookDir{w.dir, func() (err error) {
		if first, err = w.Append(nil, entries(last+1, last+1)); err == nil {
			<-syncing // the first one is on its way
			second, err = w.Append(nil, entries(last+2, last+2))
		}
		return errors.Join(err, syscall.EIO)
	}}
	stuck := &flightHook{File: w.tailSegment().file, before: func() {
		once.Do(func() {
			close(syncing)
			<-disk
		})
	}}
	w.segments[len(w.segments)-1].file = stuck
	_, err = w.Purge()
	require.ErrorIs(t, err, ErrFailed)
	close(disk)
	require.NoError(t, first.Wait(), "it is durable")
	answered := make(chan error, 1)
	go func() { answered <- second.Wait() }()
	select {
	case err := <-answered:
		require.ErrorIs(t, err, ErrFailed)
	case <-time.After(10 * time.Second):
		require.FailNow(t, "a save waits for ever")
	}
	require.ErrorIs(t, w.Close(), ErrFailed)
}

// Nor does it where the log's next user is on its way, and would have written the batch.
func TestCommit_AFailureLeavesNoSaveToWhoCloses(t *testing.T) {
	w, _ := newLog(t)
	wants := func(n int) {
		w.writer.Lock()
		defer w.writer.Unlock()
		w.leader.exclusiveWaiters += n
	}
	wants(1) // a close that was woken, but has not come to run yet
	p, err := w.Append(nil, entries(1, 1))
	require.NoError(t, err)
	require.ErrorIs(t, w.fail("purge", syscall.EIO), ErrFailed)
	wants(-1)
	require.ErrorIs(t, w.Close(), ErrFailed)
	within(t, "the save", func() { require.ErrorIs(t, p.Wait(), ErrFailed) })
}

// hookDir is a directory whose syncs can be made to fail.
type hookDir struct {
	vfs.Dir
	sync func() error
}

func (h hookDir) Sync() error {
	if err := h.sync(); err != nil {
		return err
	}
	return h.Dir.Sync()
}

// flightHook is a file that calls a function before each sync.
type flightHook struct {
	vfs.File
	before func()
}

func (h *flightHook) Datasync() error {
	h.before()
	return h.File.Datasync()
}

func TestCommit_ASecondCloseWaitsForTheFirst(t *testing.T) {
	fsys := faultfs.New()
	w, dir := newLog(t, withFS(fsys), WithNoSync())
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	settle(w)
	syncing, release := make(chan struct{}), make(chan struct{})
	first := true
	fsys.Fail(func(o faultfs.Call) (int, error) {
		if o.Kind == faultfs.Datasync && first {
			first = false
			close(syncing)
			<-release
		}
		return 0, nil
	})
	results := make(chan error, 2)
	go func() { results <- w.Close() }()
	<-syncing
	go func() { results <- w.Close() }()
	select {
	case <-results:
		t.Fatal("a Close returned while the log is not durable yet")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	require.NoError(t, <-results)
	require.NoError(t, <-results)
	w, err := Open(nil, dir, nil)
	require.NoError(t, err)
	require.NoError(t, w.Close())
}

func TestCommit_CloseWhileSavesWait(t *testing.T) {
	for round := range 20 {
		dir := t.TempDir()
		w, err := Create(nil, dir, nil, WithSegmentSize(8<<10))
		require.NoError(t, err)
		a := &orderly{w: w}
		var acked atomic.Uint64
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				for {
					last, err := a.save(3, "some payload")
					if err != nil {
						if !errors.Is(err, ErrClosed) {
							t.Error(err)
						}
						return
					}
					raise(&acked, last)
				}
			})
		}
		time.Sleep(time.Duration(round) * 300 * time.Microsecond)
		require.NoError(t, w.Close())
		wait.Wait()
		got := readAll(t, dir, nil)
		require.GreaterOrEqual(t, uint64(len(got)), acked.Load())
		require.Zero(t, len(got)%3)
	}
}

// crowd is a log and the goroutines that use it, each again and again, until stop is closed.
type crowd struct {
	*testing.T
	w     *WAL
	saver *orderly
	acked atomic.Uint64 // the last index that a save was acknowledged with
	stop  chan struct{}
	wait  sync.WaitGroup
}

// again starts a goroutine that repeats a call.
func (b *crowd) again(call func()) {
	b.wait.Go(func() {
		for {
			select {
			case <-b.stop:
				return
			default:
				call()
			}
		}
	})
}

// check makes sure that a call has no error but one that is allowed.
func (b *crowd) check(err error, allowed ...error) {
	if err != nil && !slices.ContainsFunc(allowed, func(a error) bool { return errors.Is(err, a) }) {
		b.Error(err)
	}
}

// state saves a state.
func (b *crowd) state() {
	b.check(b.w.SaveState(&walpb.HardState{Term: 1, Commit: b.acked.Load()}))
	b.check(b.w.Sync())
	_ = b.w.Stats()
}

// snapshot saves a snapshot, and deletes what it replaces.
func (b *crowd) snapshot() {
	if i := b.acked.Load(); i > 0 {
		snap := &walpb.Snapshot{Index: i, Term: 1}
		b.check(b.w.SaveSnap(snap))
		b.check(b.w.Release(snap))
		_, err := b.w.Purge()
		b.check(err)
	}
	time.Sleep(time.Millisecond)
}

// read reads all entries; a Purge may overtake it.
func (b *crowd) read() {
	next := b.w.FirstIndex()
	for e, err := range b.w.Entries(next, b.w.LastIndex()+1) {
		if err != nil {
			b.check(err, ErrCompacted)
			break
		}
		if e.GetIndex() != next {
			b.Errorf("entry %d in place of %d", e.GetIndex(), next)
		}
		next++
	}
}

func TestCommit_EverythingAtOnce(t *testing.T) {
	seed := newSeed(t)
	dir := t.TempDir()
	w, err := Create(nil, dir, []byte("meta"), WithSegmentSize(16<<10))
	require.NoError(t, err)
	b := &crowd{T: t, w: w, saver: &orderly{w: w}, stop: make(chan struct{})}
	for g := range 6 {
		rng := rand.New(rand.NewPCG(seed, uint64(g)))
		b.again(func() {
			last, err := b.saver.save(1+rng.IntN(4), fmt.Sprintf("%0*d", rng.IntN(600), g))
			b.check(err)
			raise(&b.acked, last)
		})
	}
	b.again(b.state)
	b.again(b.snapshot)
	b.again(b.read)
	b.again(b.read)
	time.Sleep(500 * time.Millisecond)
	close(b.stop)
	b.wait.Wait()
	require.NoError(t, w.Close())
	_, err = Verify(nil, dir)
	require.NoError(t, err)
	r, err := OpenForRead(nil, dir, nil)
	require.NoError(t, err)
	require.GreaterOrEqual(t, r.LastIndex(), b.acked.Load())
}

// Whoever needs the log for himself (Close, or a save that goes on to another segment) is not kept
// waiting by those who save again and again, also where there is one processor only.
func TestCommit_NobodyOvertakesWhoWaitsForTheLog(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for name, wants := range map[string]func(w *WAL) error{
		"close": (*WAL).Close,
		"cut":   func(w *WAL) error { return w.SaveEntry(entries(1, 200)) },
	} {
		t.Run(name, func(t *testing.T) {
			w, err := Create(nil, memDir, nil, withFS(newMemFS(nil)), WithSegmentSize(4<<10),
				WithPreallocation(PreallocateNone))
			require.NoError(t, err)
			syncing, disk := make(chan struct{}), make(chan struct{})
			var once sync.Once
			w.segments[0].file = &flightHook{File: w.segments[0].file, before: func() {
				once.Do(func() {
					close(syncing)
					<-disk
				})
			}}
			var done atomic.Bool
			saves := 0
			saver := make(chan error)
			go func() {
				for i := uint64(1); !done.Load() && saves < 1000; i++ {
					if err := w.SaveState(&walpb.HardState{Term: 1, Commit: i}); err != nil {
						saver <- err
						return
					}
					saves++
				}
				saver <- nil
			}()
			<-syncing
			wanted := make(chan error)
			go func() {
				err := wants(w)
				done.Store(true)
				wanted <- err
			}()
			for waits := false; !waits; runtime.Gosched() {
				w.writer.Lock()
				waits = w.leader.exclusiveWaiters == 1
				w.writer.Unlock()
			}
			close(disk)
			if err := <-saver; err != nil {
				require.ErrorIs(t, err, ErrClosed)
			}
			require.NoError(t, <-wanted)
			require.Less(t, saves, 100)
			require.NoError(t, w.Close())
		})
	}
}

// A large save leaves no memory of its size behind.
func TestCommit_ALargeSaveLeavesNoLargeBuffer(t *testing.T) {
	const large = 3 * maxKeptBuffer
	bytes := func(n int) log.LogEntry { return &walpb.Entry{Term: 1, Data: make([]byte, n)} }
	for name, segment := range map[string]int64{"in its segment": 4 * large,
		"larger than a segment": MinSegmentSize} {
		w, err := Create(nil, t.TempDir(), nil, WithSegmentSize(segment),
			WithPreallocation(PreallocateNone), WithNoSync())
		require.NoError(t, err)
		e := bytes(large).(*walpb.Entry)
		e.Index = 1
		require.NoError(t, w.SaveEntry([]log.LogEntry{e}))
		gap := bytes(large).(*walpb.Entry)
		gap.Index = 2
		require.Error(t, w.SaveEntry([]log.LogEntry{gap, &walpb.Entry{Index: 9}}),
			"it is encoded in part")
		settle(w)
		w.writer.Lock()
		require.LessOrEqual(t, cap(w.open.enc.buf), maxKeptBuffer, name)
		require.LessOrEqual(t, cap(w.spare.enc.buf), maxKeptBuffer, name)
		require.Nil(t, w.spare.enc.data, "it is part of a buffer")
		w.writer.Unlock()
		require.NoError(t, w.Close())
	}
}
