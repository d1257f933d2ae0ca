package wal

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// stoppedSync stops the next sync of a segment. It returns what to send its result to, once
// something is on its way.
func stoppedSync(fsys *faultfs.FS) (syncing chan struct{}, result chan error) {
	syncing, result = make(chan struct{}), make(chan error, 1)
	first := true
	fsys.Fail(func(o faultfs.Call) (int, error) {
		if o.Kind != faultfs.Datasync || !first {
			return 0, nil
		}
		first = false
		close(syncing)
		return 0, <-result
	})
	return syncing, result
}

// waitsOrReturns returns when somebody waits for the open batch or for the log, or the call has
// returned.
func waitsOrReturns(w *WAL, returned chan error) (early bool) {
	for {
		select {
		case err := <-returned:
			returned <- err
			return true
		default:
		}
		w.writer.Lock()
		waits := w.open.waiters != nil || w.leader.exclusiveWaiters > 0
		w.writer.Unlock()
		if waits {
			return false
		}
		runtime.Gosched()
	}
}

// answer is what a call returns that is to return now.
func answer(t *testing.T, returned chan error) error {
	t.Helper()
	select {
	case err := <-returned:
		return err
	case <-time.After(20 * time.Second):
		require.FailNow(t, "it waits for ever")
		return nil
	}
}

func waited(p *Pending, err error) error {
	if err != nil {
		return err
	}
	return p.Wait()
}

// A call that finds nothing to do, because of a call still on its way, is done when that one is.
func TestDone_ACallWithNothingToDoWaitsForWhatIsOnItsWay(t *testing.T) {
	overwrite := func(w *WAL) (*Pending, error) { return w.Append(nil, entries(3, 5)) }
	truncate := func(w *WAL) (*Pending, error) { return w.AppendTruncate(5) }
	for name, c := range map[string]struct {
		flight func(*WAL) (*Pending, error)
		call   func(*WAL) error
	}{
		"TruncateBack under an overwrite": {overwrite, func(w *WAL) error { return w.TruncateBack(5) }},
		"TruncateBack beside another":     {truncate, func(w *WAL) error { return w.TruncateBack(5) }},
		"TruncateBack above another":      {truncate, func(w *WAL) error { return w.TruncateBack(7) }},
		"AppendTruncate beside another": {truncate,
			func(w *WAL) error { return waited(w.AppendTruncate(6)) }},
		"Save of nothing": {overwrite, func(w *WAL) error { return w.Save(nil, nil) }},
		"Save of an empty state": {overwrite,
			func(w *WAL) error { return w.SaveState(&walpb.HardState{}) }},
		"Append of nothing": {truncate,
			func(w *WAL) error { return waited(w.Append(nil, nil)) }},
		"Sync":    {overwrite, (*WAL).Sync},
		"Release": {overwrite, func(w *WAL) error { return w.Release(at(2)) }},
		"Close":   {overwrite, (*WAL).Close},
		"Close again": {overwrite,
			func(w *WAL) error { go w.Close(); return w.Close() }},
		"SaveSnap, which always has to do": {overwrite, func(w *WAL) error { return w.SaveSnap(at(2)) }},
	} {
		for _, fails := range []bool{false, true} {
			fsys := faultfs.New()
			w, _ := newLog(t, withFS(fsys))
			require.NoError(t, w.SaveEntry(entries(1, 10)))
			require.NoError(t, w.SaveSnap(at(2)))
			syncing, disk := stoppedSync(fsys)
			p, err := c.flight(w)
			require.NoError(t, err, name)
			<-syncing
			returned := make(chan error, 1)
			go func() { returned <- c.call(w) }()
			if waitsOrReturns(w, returned) {
				disk <- nil
				require.FailNow(t, "returns before the disk has answered", name)
			}
			require.EqualValues(t, 10, w.LastIndex(), name)
			if fails {
				disk <- syscall.EIO
				require.ErrorIs(t, answer(t, returned), ErrFailed, name)
				require.ErrorIs(t, p.Wait(), ErrFailed, name)
			} else {
				disk <- nil
				require.NoError(t, answer(t, returned), name)
				require.EqualValues(t, 5, w.LastIndex(), name)
				require.NoError(t, p.Wait(), name)
			}
			w.Close()
		}
	}
}

// What Release gives up, and Purge deletes, was replaced by something durable, also where saves do
// not sync.
func TestDone_ReleaseAndPurgeMakeDurableWhatTheyRelyOn(t *testing.T) {
	reg := log.NewRegistry()
	reg.Register(log.StateType, &lazyState{})
	for name, opt := range map[string]Option{"a lazy state": nil, "without syncs": WithNoSync()} {
		for _, step := range []string{"Release", "Purge"} {
			fsys := faultfs.New()
			w, _ := newLog(t, withFS(fsys), WithRegistry(reg), opt)
			require.NoError(t, w.SaveState(&lazyState{walpb.HardState{Term: 1, Commit: 1}}))
			fillSegments(t, w, 2)
			require.NoError(t, w.SaveSnap(at(w.LastIndex())))
			state := &lazyState{walpb.HardState{Term: 1, Commit: w.LastIndex()}}
			if step == "Release" {
				require.NoError(t, w.SaveState(state))
			} else {
				require.NoError(t, w.Release(at(w.LastIndex())))
				require.NoError(t, w.SaveState(state))
			}
			fsys.Take()
			if step == "Release" {
				require.NoError(t, w.Release(at(w.LastIndex())))
			} else {
				n, err := w.Purge()
				require.NoError(t, err)
				require.Positive(t, n)
			}
			ops := fsys.Take(faultfs.Datasync, faultfs.Close, faultfs.Remove)
			require.NotEmpty(t, ops)
			require.Equal(t, faultfs.Datasync, ops[0].Kind, "%s: %s", name, step)
			w.Close()
		}
	}
}

func TestDone_CloseAgainReturnsWhatTheFirstReturned(t *testing.T) {
	fsys := faultfs.New()
	w, _ := newLog(t, withFS(fsys), WithNoSync())
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	settle(w)
	fsys.FailOnce(faultfs.Datasync, 0, syscall.EIO)
	err := w.Close()
	require.ErrorIs(t, err, ErrFailed)
	require.Equal(t, err, w.Close())
	require.Equal(t, err, w.SaveEntry(entries(4, 4)))
}

func TestPending_DoneAndErr(t *testing.T) {
	fsys := faultfs.New()
	w, _ := newLog(t, withFS(fsys))
	syncing, disk := stoppedSync(fsys)
	p, err := w.Append(nil, entries(1, 3))
	require.NoError(t, err)
	<-syncing
	require.NoError(t, p.Err(), "nothing is known yet")
	select {
	case <-p.Done():
		t.Fatal("done before the disk is")
	default:
	}
	disk <- syscall.EIO
	<-p.Done()
	require.ErrorIs(t, p.Err(), ErrFailed)
	require.Equal(t, p.Err(), p.Wait())
	_, err = w.Append(nil, nil)
	require.ErrorIs(t, err, ErrFailed)

	for _, none := range []*Pending{{}, nil} {
		<-none.Done()
		require.ErrorIs(t, none.Err(), ErrInvalidArgument)
		require.ErrorIs(t, none.Wait(), ErrInvalidArgument)
	}
}

// The halves do what the whole does, in their order.
func TestPending_TheHalvesOfASnapshotAndATruncation(t *testing.T) {
	w, dir := newLog(t)
	var ps []*Pending
	keep := func(p *Pending, err error) {
		require.NoError(t, err)
		ps = append(ps, p)
	}
	keep(w.Append(nil, entries(1, 10)))
	keep(w.AppendTruncate(5))
	keep(w.AppendSnap(at(4)))
	keep(w.Append(nil, entries(6, 8)))
	keep(w.AppendTruncate(7))
	for _, p := range ps {
		require.NoError(t, p.Wait())
	}
	require.EqualValues(t, 7, w.LastIndex())
	_, err := w.AppendSnap(nil)
	require.ErrorIs(t, err, ErrInvalidArgument)
	require.NoError(t, w.Close())
	require.Equal(t, entries(5, 7), readAll(t, dir, at(4)))
}

// A caller who appends and waits alone is not made to wait for company again and again.
func TestAppend_ALoneCallerIsNotKeptWaitingForCompany(t *testing.T) {
	w, _ := newLog(t, withFS(faultfs.Slow(faultfs.New(), 200*time.Microsecond)),
		WithSegmentSize(1<<20))
	for i := uint64(1); i <= 150; i++ {
		require.NoError(t, waited(w.Append(nil, entries(i, i))))
	}
	settle(w)
	w.writer.Lock()
	defer w.writer.Unlock()
	require.Equal(t, maxBackoff, w.backoff.next)

	var v lingerBackoff
	waits := 0
	for range 1000 {
		if !v.skip() {
			waits++
			v.waited(true)
		}
	}
	require.Less(t, waits, 25)
	v = lingerBackoff{}
	v.waited(false)
	require.False(t, v.skip(), "who met company waits for it again")
}

func TestPending_AppendAndWait(t *testing.T) {
	w, dir := newLog(t)
	var pending []*Pending
	for i := uint64(1); i <= 20; i++ {
		p, err := w.Append(&walpb.HardState{Term: 1, Commit: i}, entries(i, i))
		require.NoError(t, err)
		pending = append(pending, p)
	}
	_, err := w.Append(nil, entries(30, 30))
	require.ErrorIs(t, err, ErrIndexGap)
	var wg sync.WaitGroup
	for _, p := range pending {
		for range 2 {
			wg.Go(func() {
				if err := p.Wait(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	crash(w)
	require.Equal(t, entries(1, 20), readAll(t, dir, nil))
}

func TestCommit_AppendKeepsItsOrderAndBecomesDurableWithoutWaiting(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(nil, dir, nil, WithSegmentSize(4<<10))
	require.NoError(t, err)
	var last *Pending
	for i := uint64(1); i <= 500; i++ {
		last, err = w.Append(&walpb.HardState{Term: 1, Commit: i}, entries(i, i))
		require.NoError(t, err)
	}
	require.NoError(t, last.Wait())
	require.EqualValues(t, 500, w.LastIndex(), "the last save is durable, so all before it are")
	require.NoError(t, last.Wait(), "waiting twice")
	_, err = w.Append(nil, entries(501, 510)) // nobody waits
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Equal(t, entries(1, 510), readAll(t, dir, nil))
}

func TestCommit_AppendDoesNotNeedTheEntriesAfterItReturned(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(nil, dir, nil)
	require.NoError(t, err)
	e := entry(1, 1, "as it was")
	st := &walpb.HardState{Term: 3, Commit: 1}
	p, err := w.Append(st, []log.LogEntry{e})
	require.NoError(t, err)
	copy(e.Data, "scribble!")
	st.Term = 9
	require.NoError(t, p.Wait())
	require.NoError(t, w.Close())
	r, err := OpenForRead(nil, dir, nil)
	require.NoError(t, err)
	_, got, ents, err := r.ReadAll()
	require.NoError(t, err)
	require.Equal(t, []log.LogEntry{entry(1, 1, "as it was")}, ents)
	require.Equal(t, &walpb.HardState{Term: 3, Commit: 1}, got)
}

func TestCommit_AppendWaitsWhenTooMuchIsPending(t *testing.T) {
	fsys := faultfs.New()
	w, err := Create(nil, t.TempDir(), nil, withFS(fsys))
	require.NoError(t, err)
	disk := make(chan struct{}) // as long as it is open, no sync comes back
	fsys.Fail(func(o faultfs.Call) (int, error) {
		if o.Kind == faultfs.Datasync {
			<-disk
		}
		return 0, nil
	})
	const size = 64 << 10
	var appended atomic.Int64
	done := make(chan error, 1)
	go func() {
		for i := uint64(1); i <= 100; i++ {
			if _, err := w.Append(nil, []log.LogEntry{entry(1, i, string(make([]byte, size)))}); err != nil {
				done <- err
				return
			}
			appended.Add(size)
		}
		done <- nil
	}()
	require.Eventually(t, func() bool {
		return appended.Load() > maxBatch
	}, 10*time.Second, time.Millisecond)
	time.Sleep(20 * time.Millisecond)
	require.LessOrEqual(t, appended.Load(), int64(2*maxBatch), "Append has gone on without bound")
	close(disk)
	require.NoError(t, <-done)
	require.NoError(t, w.Close())
}
