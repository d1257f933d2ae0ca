package etcdraft_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/etcdraft"
	"github.com/seed449c39bc/wal/internal/faultfs"
)

// response is one that can be told from others.
func response(n uint64) *raftpb.Message {
	return &raftpb.Message{Type: ptr(raftpb.MsgStorageAppendResp), Index: ptr(n)}
}

// counted counts the syncs of a log, and makes them fail or wait.
func counted(syncs *int, fail func(n int) error) *faultfs.FS {
	disk := faultfs.New()
	disk.Fail(func(c faultfs.Call) (int, error) {
		if c.Kind != faultfs.Datasync {
			return 0, nil
		}
		*syncs++
		return 0, fail(*syncs)
	})
	return disk
}

func TestRun_DeliversInOrderWhatIsDurable(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, etcdraft.Options{WAL: []wal.Option{smallSegments}})
	in := make(chan *raftpb.Message)
	var got []uint64
	ended := make(chan error)
	go func() {
		ended <- s.Run(context.Background(), in, func(ms []*raftpb.Message) {
			for _, m := range ms {
				got = append(got, m.GetIndex())
			}
		})
	}()
	for i := uint64(1); i <= 500; i++ {
		in <- appendMessage(entries(i, i, 1, 100), hardState(1, 1, i-1), response(2*i), response(2*i+1))
	}
	close(in)
	require.NoError(t, <-ended)
	require.Len(t, got, 1000)
	for i, n := range got {
		require.EqualValues(t, i+2, n)
	}
	require.NoError(t, s.Close())
	s = open(t, dir, etcdraft.Options{})
	read(t, s, 1, 501)
	hs, _, err := s.InitialState()
	require.NoError(t, err)
	require.EqualValues(t, 499, hs.GetCommit())
}

// The messages that wait while a sync is under way share the next one.
func TestRun_KeepsSeveralOnTheirWay(t *testing.T) {
	first, others := make(chan struct{}), 0
	disk := counted(&others, func(n int) error {
		if n == 2 { // the first one belongs to the making of the log
			<-first
		}
		return nil
	})
	s := open(t, t.TempDir(), etcdraft.Options{WAL: []wal.Option{on(disk)}})
	others = 1
	in, ended, delivered := make(chan *raftpb.Message), make(chan error), 0
	go func() {
		ended <- s.Run(context.Background(), in, func([]*raftpb.Message) { delivered++ })
	}()
	for i := uint64(1); i <= 100; i++ {
		in <- appendMessage(entries(i, i, 1, 100), nil, response(i))
	}
	_, last := bounds(t, s)
	require.GreaterOrEqual(t, last, uint64(99), "they can be read")
	close(first)
	close(in)
	require.NoError(t, <-ended)
	require.Equal(t, 100, delivered)
	require.Less(t, others, 20, "syncs")
}

func TestRun_DeliversOnlyWhatIsDurable(t *testing.T) {
	durable := make(chan struct{})
	syncs := 0
	disk := counted(&syncs, func(int) error { return nil })
	s := open(t, t.TempDir(), etcdraft.Options{WAL: []wal.Option{on(disk)}})
	var done atomic.Bool
	disk.Fail(func(c faultfs.Call) (int, error) {
		if c.Kind == faultfs.Datasync {
			<-durable
			done.Store(true)
		}
		return 0, nil
	})
	in, ended := make(chan *raftpb.Message, 1), make(chan error)
	go func() {
		ended <- s.Run(context.Background(), in, func([]*raftpb.Message) {
			if !done.Load() {
				t.Error("delivered before the sync")
			}
		})
	}()
	in <- appendMessage(entries(1, 1, 1, 100), nil, response(1))
	time.AfterFunc(10*time.Millisecond, func() { close(durable) })
	close(in)
	require.NoError(t, <-ended)
}

func TestRun_EndsWithItsContextAndDeliversWhatItHasBegun(t *testing.T) {
	s := open(t, t.TempDir(), etcdraft.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	in, ended, delivered := make(chan *raftpb.Message), make(chan error), 0
	go func() {
		ended <- s.Run(ctx, in, func([]*raftpb.Message) { delivered++ })
	}()
	for i := uint64(1); i <= 10; i++ {
		in <- appendMessage(entries(i, i, 1, 100), nil, response(i))
	}
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	_, last := bounds(t, s)
	require.EqualValues(t, last, delivered)
}

// The saves up to the failure are delivered, and none behind it.
func TestRun_EndsWithTheErrorOfASave(t *testing.T) {
	bad := errors.New("bad disk")
	syncs := 0
	disk := counted(&syncs, func(n int) error {
		if n > 5 {
			return bad
		}
		return nil
	})
	s := open(t, t.TempDir(), etcdraft.Options{WAL: []wal.Option{on(disk)}})
	in := make(chan *raftpb.Message)
	var got []uint64
	ended := make(chan error, 1)
	go func() {
		ended <- s.Run(context.Background(), in, func(ms []*raftpb.Message) {
			got = append(got, ms[0].GetIndex())
		})
	}()
	var err error
	for i := uint64(1); err == nil; i++ {
		select {
		case in <- appendMessage(entries(i, i, 1, 100), nil, response(i)):
		case err = <-ended:
		}
	}
	require.ErrorIs(t, err, wal.ErrFailed)
	require.ErrorIs(t, err, bad)
	for i, n := range got {
		require.EqualValues(t, i+1, n)
	}
}

// The error of a save is not hidden by a context that is done by then.
func TestRun_TellsOfAFailedSaveAlsoWhenItsContextIsDone(t *testing.T) {
	disk := faultfs.New()
	s := open(t, t.TempDir(), etcdraft.Options{WAL: []wal.Option{on(disk)}})
	begun, fail, bad := make(chan struct{}), make(chan struct{}), errors.New("bad disk")
	disk.Fail(func(c faultfs.Call) (int, error) {
		if c.Kind == faultfs.Datasync {
			close(begun)
			<-fail
			return 0, bad
		}
		return 0, nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	in, ended := make(chan *raftpb.Message, 1), make(chan error)
	go func() { ended <- s.Run(ctx, in, func([]*raftpb.Message) {}) }()
	in <- appendMessage(entries(1, 1, 1, 100), nil, response(1))
	<-begun
	cancel()
	close(fail)
	require.ErrorIs(t, <-ended, bad)
}

func TestRun_RefusesOtherMessages(t *testing.T) {
	s := open(t, t.TempDir(), etcdraft.Options{})
	in := make(chan *raftpb.Message, 1)
	in <- &raftpb.Message{Type: ptr(raftpb.MsgApp)}
	err := s.Run(context.Background(), in, func([]*raftpb.Message) {})
	require.ErrorIs(t, err, wal.ErrInvalidArgument)
}

func TestRun_SaysSoIfDeliverEndsItsGoroutine(t *testing.T) {
	s := open(t, t.TempDir(), etcdraft.Options{})
	require.ErrorIs(t, s.Run(context.Background(), nil, nil), wal.ErrInvalidArgument)
	in, ended := make(chan *raftpb.Message, 1), make(chan error)
	go func() {
		ended <- s.Run(context.Background(), in, func([]*raftpb.Message) { runtime.Goexit() })
	}()
	in <- appendMessage(entries(1, 1, 1, 100), nil, response(1))
	require.ErrorContains(t, <-ended, "deliver has ended its goroutine")
}

// A message that asks for nothing durable, such as a commit index alone, costs no sync.
func TestAppend_SyncsOnlyWhatWasPromised(t *testing.T) {
	syncs := 0
	disk := counted(&syncs, func(int) error { return nil })
	s := open(t, t.TempDir(), etcdraft.Options{WAL: []wal.Option{on(disk)}})
	for _, c := range []struct {
		says string
		m    *raftpb.Message
		sync bool
	}{
		{"entries", appendMessage(entries(1, 3, 1, 10), hardState(1, 2, 0)), true},
		{"a commit index", appendMessage(nil, hardState(1, 2, 3)), false},
		{"nothing", appendMessage(nil, nil), false},
		{"a vote", appendMessage(nil, hardState(1, 3, 3)), true},
		{"a term", appendMessage(nil, hardState(2, 3, 3)), true},
		{"the same state", appendMessage(nil, hardState(2, 3, 3)), false},
	} {
		before := syncs
		p, err := s.Append(c.m)
		require.NoError(t, err)
		require.NoError(t, p.Wait())
		require.Equal(t, c.sync, syncs > before, c.says)
	}
}

func TestSave_SyncsIfRaftSaysSo(t *testing.T) {
	syncs := 0
	disk := counted(&syncs, func(int) error { return nil })
	s := open(t, t.TempDir(), etcdraft.Options{WAL: []wal.Option{on(disk)}})
	before := syncs
	require.NoError(t, s.Save(ready(hardState(1, 2, 0), entries(1, 3, 1, 10), true)))
	require.Equal(t, before+1, syncs)
	require.NoError(t, s.Save(ready(hardState(1, 2, 3), nil, false)))
	require.NoError(t, s.Save(ready(nil, nil, false)))
	require.Equal(t, before+1, syncs)
}
