package wal

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// stoppedSync stops the next sync of a segment. It returns what to send its result to, once
// something is on its way.
func stoppedSync(fsys *faultFS) (syncing chan struct{}, result chan error) {
	syncing, result = make(chan struct{}), make(chan error, 1)
	first := true
	fsys.setFail(func(o op) (int, error) {
		if o.kind != opDatasync || !first {
			return 0, nil
		}
		first = false
		close(syncing)
		return 0, <-result
	})
	return syncing, result
}

// waitsOrReturns returns when somebody waits for the open batch or for the log, or the call has returned.
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
		"TruncateBack under an overwrite":  {overwrite, func(w *WAL) error { return w.TruncateBack(5) }},
		"TruncateBack beside another":      {truncate, func(w *WAL) error { return w.TruncateBack(5) }},
		"TruncateBack above another":       {truncate, func(w *WAL) error { return w.TruncateBack(7) }},
		"AppendTruncate beside another":    {truncate, func(w *WAL) error { return waited(w.AppendTruncate(6)) }},
		"Save of nothing":                  {overwrite, func(w *WAL) error { return w.Save(nil, nil) }},
		"Save of an empty state":           {overwrite, func(w *WAL) error { return w.SaveState(&walpb.HardState{}) }},
		"Append of nothing":                {truncate, func(w *WAL) error { return waited(w.Append(nil, nil)) }},
		"Sync":                             {overwrite, (*WAL).Sync},
		"Release":                          {overwrite, func(w *WAL) error { return w.Release(at(2)) }},
		"Close":                            {overwrite, (*WAL).Close},
		"Close again":                      {overwrite, func(w *WAL) error { go w.Close(); return w.Close() }},
		"SaveSnap, which always has to do": {overwrite, func(w *WAL) error { return w.SaveSnap(at(2)) }},
	} {
		for _, fails := range []bool{false, true} {
			fsys := newFaultFS()
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

// What Release gives up, and Purge deletes, was replaced by something durable, also where saves do not sync.
func TestDone_ReleaseAndPurgeMakeDurableWhatTheyRelyOn(t *testing.T) {
	reg := log.NewRegistry()
	reg.Register(log.StateType, &lazyState{})
	for name, opt := range map[string]Option{"a lazy state": nil, "without syncs": WithNoSync()} {
		for _, step := range []string{"Release", "Purge"} {
			fsys := newFaultFS()
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
			fsys.record()
			if step == "Release" {
				require.NoError(t, w.Release(at(w.LastIndex())))
			} else {
				n, err := w.Purge()
				require.NoError(t, err)
				require.Positive(t, n)
			}
			ops := fsys.record(opDatasync, opClose, opRemove)
			require.NotEmpty(t, ops)
			require.Equal(t, opDatasync, ops[0].kind, "%s: %s", name, step)
			w.Close()
		}
	}
}

func TestDone_CloseAgainReturnsWhatTheFirstReturned(t *testing.T) {
	fsys := newFaultFS()
	w, _ := newLog(t, withFS(fsys), WithNoSync())
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	settle(w)
	failOnce(fsys, opDatasync, 0, syscall.EIO)
	err := w.Close()
	require.ErrorIs(t, err, ErrFailed)
	require.Equal(t, err, w.Close())
	require.Equal(t, err, w.SaveEntry(entries(4, 4)))
}

func TestPending_DoneAndErr(t *testing.T) {
	fsys := newFaultFS()
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

// The sync of the segment that ends counts as every other one.
func TestStatsSeeTheSyncOfTheSegmentThatEnds(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	var told int
	w, err := Create(zap.New(core), t.TempDir(), nil, WithSlowSyncThreshold(1), WithListener(Listener{
		Synced: func(took time.Duration) { told++ },
	}))
	require.NoError(t, err)
	defer w.Close()
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	before, warned := w.Stats(), logs.FilterMessageSnippet("slow sync").Len()
	forceCut(t, w)
	s := w.Stats()
	require.EqualValues(t, 2, s.Syncs-before.Syncs, "of the segment that ends, and of the next one")
	require.EqualValues(t, s.Syncs, told)
	require.Equal(t, warned+2, logs.FilterMessageSnippet("slow sync").Len())
}

// A large save leaves no memory of its size behind.
func TestALargeSaveLeavesNoLargeBuffer(t *testing.T) {
	const large = 3 * maxKeptBuffer
	bytes := func(n int) log.LogEntry { return &walpb.Entry{Term: 1, Data: make([]byte, n)} }
	for name, segment := range map[string]int64{"in its segment": 4 * large, "larger than a segment": MinSegmentSize} {
		w, err := Create(nil, t.TempDir(), nil, WithSegmentSize(segment), WithPreallocation(PreallocateNone), WithNoSync())
		require.NoError(t, err)
		e := bytes(large).(*walpb.Entry)
		e.Index = 1
		require.NoError(t, w.SaveEntry([]log.LogEntry{e}))
		gap := bytes(large).(*walpb.Entry)
		gap.Index = 2
		require.Error(t, w.SaveEntry([]log.LogEntry{gap, &walpb.Entry{Index: 9}}), "it is encoded in part")
		settle(w)
		w.writer.Lock()
		require.LessOrEqual(t, cap(w.open.enc.buf), maxKeptBuffer, name)
		require.LessOrEqual(t, cap(w.spare.enc.buf), maxKeptBuffer, name)
		require.Nil(t, w.spare.enc.data, "it is part of a buffer")
		w.writer.Unlock()
		require.NoError(t, w.Close())
	}
}

// A caller who appends and waits alone is not made to wait for company again and again.
func TestAppend_ALoneCallerIsNotKeptWaitingForCompany(t *testing.T) {
	w, _ := newLog(t, withFS(slowFS{FS: newFaultFS(), delay: 200 * time.Microsecond}), WithSegmentSize(1<<20))
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
