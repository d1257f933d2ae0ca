package wal

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// never is a delay that does not end in a test.
const never = 24 * time.Hour

func delayed(d time.Duration) []Option { return []Option{WithNoSync(), WithWriteDelay(d)} }

func TestDelay_NeedsNoSync(t *testing.T) {
	for _, opts := range [][]Option{
		{WithWriteDelay(time.Second)}, {WithNoSync(), WithWriteDelay(-1)},
	} {
		_, err := Create(nil, filepath.Join(t.TempDir(), "log"), nil, opts...)
		require.ErrorIs(t, err, ErrInvalidArgument)
	}
	w, _ := newLog(t, WithWriteDelay(0))
	require.NoError(t, w.SaveEntry(entries(1, 1)))
	require.EqualValues(t, 1, w.LastIndex())
}

func TestDelay_ASaveIsSeenOnceItIsWritten(t *testing.T) {
	w, dir := newLog(t, delayed(never)...)
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 1, Commit: 2}))
	require.EqualValues(t, 0, w.LastIndex())
	require.Empty(t, readAll(t, dir, nil))
	require.ErrorIs(t, w.SaveEntry(entries(5, 5)), ErrIndexGap, "what waits counts")
	require.NoError(t, w.Sync())
	require.EqualValues(t, 3, w.LastIndex())
	require.EqualValues(t, 2, w.State().GetCommitted())
	require.Len(t, readAll(t, dir, nil), 3)
}

func TestDelay_TheTimerHasASaveWritten(t *testing.T) {
	w, _ := newLog(t, delayed(time.Millisecond)...)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, w.SaveEntry(entries(1, 1)))
	for e, err := range w.Follow(ctx, 1) {
		require.NoError(t, err)
		if e.GetIndex() == 5 {
			return
		}
		require.NoError(t, w.SaveEntry(entries(e.GetIndex()+1, e.GetIndex()+1)))
	}
}

func TestDelay_ABatchThatIsFullIsWritten(t *testing.T) {
	w, dir := newLog(t, append(delayed(never), WithSegmentSize(1<<20))...)
	var saved uint64
	for w.LastIndex() == 0 {
		require.Less(t, saved, uint64(1000))
		saved++
		require.NoError(t, w.SaveEntry([]log.LogEntry{entry(1, saved, string(make([]byte, 1000)))}))
	}
	require.Equal(t, saved, w.LastIndex())
	require.Greater(t, saved, uint64(delayedBytes/1100))
	require.Len(t, readAll(t, dir, nil), int(saved))
}

// What waits is written before anything that another call writes, and with it.
func TestDelay_OtherCallsWriteWhatWaits(t *testing.T) {
	for name, call := range map[string]func(w *WAL) error{
		"Sync":            (*WAL).Sync,
		"Close":           (*WAL).Close,
		"SaveSnap":        func(w *WAL) error { return w.SaveSnap(at(4)) },
		"Save of nothing": func(w *WAL) error { return w.Save(nil, nil) },
		"Append": func(w *WAL) error {
			p, err := w.Append(nil, entries(8, 8))
			if err != nil {
				return err
			}
			return p.Wait()
		},
		"TruncateBack":            func(w *WAL) error { return w.TruncateBack(6) },
		"TruncateBack of nothing": func(w *WAL) error { return w.TruncateBack(7) },
		"Compact":                 func(w *WAL) error { return w.Compact(2) },
		"Restore":                 func(w *WAL) error { return w.Restore(at(90), nil, nil) },
		"a save that does not fit": func(w *WAL) error {
			return w.SaveEntry([]log.LogEntry{entry(1, 8, string(make([]byte, 2*testSegment)))})
		},
		"Backup": func(w *WAL) error { return w.Backup(w.dir.Path() + ".copy") },
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := newLog(t, delayed(never)...)
			require.NoError(t, w.SaveEntry(entries(1, 5)))
			require.NoError(t, w.Sync())
			require.NoError(t, w.SaveEntry(entries(6, 7)))
			require.EqualValues(t, 5, w.LastIndex())
			require.NoError(t, call(w))
			if name != "Close" {
				require.Equal(t, w.appended.last, w.LastIndex())
			}
			last := w.LastIndex()
			w.Abandon()
			if name == "Backup" {
				dir += ".copy"
			}
			require.Equal(t, last, openLog(t, dir, nil).LastIndex())
			require.GreaterOrEqual(t, last, uint64(6))
		})
	}
}

func TestDelay_AWriteThatFailsIsReportedByTheNextCall(t *testing.T) {
	fsys := faultfs.New()
	w, _ := newLog(t, append(delayed(time.Millisecond), withFS(fsys))...)
	require.NoError(t, w.Sync())
	bad := errors.New("bad disk")
	fsys.Fail(func(o faultfs.Call) (int, error) {
		if o.Kind == faultfs.Write {
			return 0, bad
		}
		return 0, nil
	})
	require.NoError(t, w.SaveEntry(entries(1, 1)))
	<-w.sticky.done
	err := w.SaveEntry(entries(2, 2))
	require.ErrorContains(t, err, "but for saves that waited to be written, 1ms at most")
	requireSticky(t, w, err, bad)
}

// A death of the process leaves the log as of some moment after the last call that wrote: whole
// saves, in order, and none lost that a call has written.
func TestDelay_ADeathLosesOnlyWhatWaited(t *testing.T) {
	rnd := rand.New(rand.NewPCG(newSeed(t), 0))
	dir := filepath.Join(t.TempDir(), "log")
	opts := append(delayed(never), WithSegmentSize(testSegment))
	w, err := Create(nil, dir, nil, opts...)
	require.NoError(t, err)
	ends := map[uint64]bool{0: true} // where a save ends
	for range 60 {
		last, written := w.LastIndex(), w.LastIndex()
		for range rnd.IntN(40) {
			n := uint64(rnd.IntN(4) + 1)
			require.NoError(t, w.SaveEntry(entries(last+1, last+n)))
			last += n
			ends[last] = true
			if rnd.IntN(8) == 0 {
				require.NoError(t, w.Sync())
				written = last
			}
		}
		w.Abandon()
		w = openLog(t, dir, nil, opts...)
		require.GreaterOrEqual(t, w.LastIndex(), written)
		require.LessOrEqual(t, w.LastIndex(), last)
		require.True(t, ends[w.LastIndex()], "a save is whole or gone")
		for i := w.LastIndex() + 1; i <= last; i++ {
			delete(ends, i)
		}
	}
}

func TestDelay_ManyGoroutinesSaveAndClose(t *testing.T) {
	reg := log.NewRegistry()
	reg.Register(log.EntryType, new(log.JSON[int]))
	opts := append(delayed(50*time.Microsecond), WithRegistry(reg), WithSegmentSize(64<<10))
	w, dir := newLog(t, opts...)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for i := range 300 {
				_, err := w.SaveNext(&log.JSON[int]{Value: i})
				require.NoError(t, err)
				if i%50 == 0 {
					require.NoError(t, w.Sync())
				}
			}
		})
	}
	wait.Wait()
	require.NoError(t, w.Close())
	require.Len(t, readAll(t, dir, nil, WithRegistry(reg)), 8*300)
	require.ErrorIs(t, w.SaveEntry(nil), ErrClosed)
}
