package wal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

func TestAbandon_LeavesTheFilesAsTheyWere(t *testing.T) {
	for name, opts := range map[string][]Option{"synced": nil, "not synced": {WithNoSync()},
		"etcd": {WithEtcdFormat()}} {
		t.Run(name, func(t *testing.T) {
			w, dir := newLog(t, opts...)
			require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 3}, entries(1, 5)))
			for range 4 { // past the middle of the segment: the next one is prepared
				next := w.LastIndex() + 1
				require.NoError(t, w.SaveEntry([]log.LogEntry{entry(1, next, string(make([]byte, 700)))}))
			}
			settle(w)
			before := files(t, dir)
			require.Contains(t, before, "1.tmp")
			w.Abandon()
			require.Equal(t, before, files(t, dir))
			recs, damage := physical(t, dir)
			require.Empty(t, damage)
			require.Equal(t, ControlNone, recs[len(recs)-1].Control, "no mark of a clean close")

			again := openLog(t, dir, nil, opts...) // its locks are given up
			require.EqualValues(t, 9, again.LastIndex())
			require.EqualValues(t, 3, again.State().GetCommitted())
			require.NotContains(t, files(t, dir), "1.tmp")
			require.NoError(t, again.SaveEntry(entries(10, 10)))
			w.Abandon()
			require.NoError(t, w.Close(), "a deferred Close")
			require.NoError(t, again.Close())
			require.Len(t, readAll(t, dir, nil, opts...), 10)
		})
	}
}

// What is on its way is waited for, and what is pending is not written.
func TestAbandon_WithSavesOnTheirWay(t *testing.T) {
	fsys := faultfs.New()
	w, dir := newLog(t, withFS(fsys))
	require.NoError(t, w.SaveEntry(entries(1, 1)))
	syncing, gate := make(chan struct{}), make(chan struct{})
	fsys.Fail(func(o faultfs.Call) (int, error) {
		if o.Kind == faultfs.Datasync {
			close(syncing)
			<-gate
		}
		return 0, nil
	})
	flying, err := w.Append(nil, entries(2, 2))
	require.NoError(t, err)
	<-syncing
	pending, err := w.Append(nil, entries(3, 3))
	require.NoError(t, err)
	abandoned := make(chan struct{})
	go func() {
		defer close(abandoned)
		w.Abandon()
	}()
	<-w.sticky.done
	_, err = w.Append(nil, entries(4, 4))
	require.ErrorIs(t, err, ErrClosed)
	select {
	case <-abandoned:
		t.Fatal("it does not wait for the write under way")
	default:
	}
	close(gate)
	<-abandoned
	require.NoError(t, flying.Wait())
	require.ErrorIs(t, pending.Wait(), ErrClosed)
	require.Equal(t, entries(1, 2), readAll(t, dir, nil))
}

func TestAbandon_EveryLaterCallIsErrClosed(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	follower := make(chan error, 1)
	go func() {
		var last error
		for _, err := range w.Follow(context.Background(), 1) {
			last = err
		}
		follower <- last
	}()
	w.Abandon()
	require.ErrorIs(t, <-follower, ErrClosed)
	before := files(t, dir)
	for name, call := range map[string]func() error{
		"Save":         func() error { return w.Save(nil, entries(4, 4)) },
		"SaveState":    func() error { return w.SaveState(&walpb.HardState{Term: 1}) },
		"SaveSnap":     func() error { return w.SaveSnap(at(1)) },
		"TruncateBack": func() error { return w.TruncateBack(1) },
		"Append":       func() error { _, err := w.Append(nil, entries(4, 4)); return err },
		"Sync":         w.Sync,
		"Release":      func() error { return w.Release(at(0)) },
		"Purge":        func() error { _, err := w.Purge(); return err },
		"Entry":        func() error { _, err := w.Entry(1); return err },
		"ReadAll":      func() error { _, _, _, err := w.ReadAll(); return err },
	} {
		require.ErrorIs(t, call(), ErrClosed, name)
	}
	require.Equal(t, before, files(t, dir))
}

// A log that failed, as its disk does, is abandoned too, and opens again.
func TestAbandon_AfterAFailure(t *testing.T) {
	fsys := faultfs.New()
	w, dir := newLog(t, withFS(fsys))
	require.NoError(t, w.SaveEntry(entries(1, 2)))
	bad := errors.New("disk on fire")
	fsys.Fail(func(o faultfs.Call) (int, error) {
		if o.Kind == faultfs.Write {
			return 0, bad
		}
		return 0, nil
	})
	require.ErrorIs(t, w.SaveEntry(entries(3, 3)), bad)
	w.Abandon()
	require.Equal(t, entries(1, 2), readAll(t, dir, nil))
	openLog(t, dir, nil)
}

// Beside everything else: no call hangs, whatever was acknowledged is there, and nothing is
// written once it has returned.
func TestAbandon_BesideEverything(t *testing.T) {
	for range 20 {
		w, dir := newLog(t, WithSegmentSize(1024))
		require.NoError(t, w.SaveEntry(entries(1, 3)))
		var acked uint64
		var wait sync.WaitGroup
		begun := make(chan struct{})
		wait.Go(func() {
			for i := uint64(4); ; i++ {
				if i == 10 {
					close(begun)
				}
				if err := w.SaveEntry([]log.LogEntry{entry(1, i, string(make([]byte, 100)))}); err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Errorf("save of entry %d: %v", i, err)
					}
					return
				}
				acked = i
			}
		})
		wait.Go(func() {
			for w.SaveSnap(at(3)) == nil && w.Release(at(3)) == nil {
				_, _ = w.Purge()
			}
		})
		wait.Go(func() {
			for w.SaveState(&walpb.HardState{Term: 1}) == nil && w.Sync() == nil {
				runtime.Gosched()
			}
		})
		<-begun
		w.Abandon()
		left := filepath.Join(t.TempDir(), "left")
		require.NoError(t, os.CopyFS(left, os.DirFS(dir)))
		wait.Wait()
		require.Equal(t, files(t, left), files(t, dir), "nothing is written after it")
		again := openLog(t, dir, nil, WithSegmentSize(1024))
		require.GreaterOrEqual(t, again.LastIndex(), acked)
		require.NoError(t, again.Close())
	}
}

func TestAbandon_LeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	w, _ := newLog(t, WithSegmentSize(16<<10), WithNoSync())
	for i := range uint64(100) { // with a leader, and with preparations
		_, err := w.Append(nil, []log.LogEntry{entry(1, i+1, string(make([]byte, 500)))})
		require.NoError(t, err)
	}
	w.Abandon()
	require.Eventually(t, func() bool {
		return runtime.NumGoroutine() <= before+1
	}, 10*time.Second, time.Millisecond)
}
