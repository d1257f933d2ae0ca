package wal

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// testPatience is how long a test waits for what must come.
const testPatience = 20 * time.Second

// following is a follower in a goroutine of its own.
type following struct {
	ents chan log.LogEntry
	end  chan error
}

// follow follows a log until the error; nobody has to take the entries.
func follow(ctx context.Context, w *WAL, from uint64) *following {
	f := &following{make(chan log.LogEntry, 10_000), make(chan error, 1)}
	go func() {
		for ent, err := range w.Follow(ctx, from) {
			if err != nil {
				f.end <- err
				return
			}
			f.ents <- ent
		}
		f.end <- nil
	}()
	return f
}

func (f *following) next(t *testing.T) log.LogEntry {
	t.Helper()
	select {
	case ent := <-f.ents:
		return ent
	case err := <-f.end:
		require.NoError(t, err)
	case <-time.After(testPatience):
		require.Fail(t, "no entry comes")
	}
	return nil
}

func (f *following) err(t *testing.T) error {
	t.Helper()
	select {
	case err := <-f.end:
		return err
	case <-time.After(testPatience):
		require.Fail(t, "it does not end")
	}
	return nil
}

// waitForFollower waits until a follower has nothing more to yield.
func waitForFollower(t *testing.T, w *WAL) {
	t.Helper()
	require.Eventually(t, func() bool {
		w.mu.RLock()
		defer w.mu.RUnlock()
		return w.changed != nil
	}, testPatience, time.Millisecond)
}

func TestFollow_YieldsWhatThereIsAndThenWhatComes(t *testing.T) {
	w, _ := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 5)))
	ctx, cancel := context.WithCancel(t.Context())
	f := follow(ctx, w, 3)
	for i := uint64(3); i <= 200; i++ {
		if i > 5 {
			saveOne(t, w)
		}
		require.Equal(t, entries(i, i)[0], f.next(t))
	}
	require.NotZero(t, w.Stats().Cuts)
	waitForFollower(t, w)
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 3})) // wakes it for nothing
	waitForFollower(t, w)
	cancel()
	require.ErrorIs(t, f.err(t), context.Canceled)
	require.Empty(t, f.ents)
}

func TestFollow_FromOutsideTheLog(t *testing.T) {
	w, _ := newLog(t)
	require.NoError(t, w.SaveSnap(at(9)))
	require.NoError(t, w.SaveEntry(entries(10, 12)))
	for from, want := range map[uint64]error{0: ErrCompacted, 9: ErrCompacted, 14: ErrNotFound,
		^uint64(0): ErrNotFound} {
		require.ErrorIs(t, follow(t.Context(), w, from).err(t), want, "from %d", from)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, follow(ctx, w, 10).err(t), context.Canceled)
}

func TestFollow_LearnsOfWhatIsReplaced(t *testing.T) {
	for _, tt := range []struct {
		name  string
		act   func(*WAL) error // when it has yielded 1 to 20 and waits
		index uint64           // of the OverwrittenError; 0: none
		err   error            // another one
		next  log.LogEntry     // else what it yields next
	}{
		{"an append", func(w *WAL) error {
			return w.SaveEntry(entries(21, 21))
		}, 0, nil, entry(1, 21, "entry 21")},
		{"an overwrite", func(w *WAL) error {
			return w.SaveEntry([]log.LogEntry{newer(7)})
		}, 7, nil, nil},
		{"an overwrite of the last", func(w *WAL) error { return w.SaveEntry([]log.LogEntry{newer(20)}) },
			20, nil, nil},
		{"a truncation", func(w *WAL) error { return w.TruncateBack(4) }, 5, nil, nil},
		{"a truncation and an append in one step", func(w *WAL) error {
			return errors.Join(w.TruncateBack(19), w.SaveEntry([]log.LogEntry{newer(20), newer(21)}))
		}, 20, nil, nil},
		{"an append that replaces itself", func(w *WAL) error {
			return w.SaveEntry([]log.LogEntry{entry(1, 21, "old"), newer(21)})
		}, 0, nil, newer(21)},
		{"a snapshot that is ahead", func(w *WAL) error { return w.SaveSnap(at(50)) }, 0, ErrCompacted,
			nil},
		{"a snapshot", func(w *WAL) error {
			return errors.Join(w.SaveSnap(at(20)), w.SaveEntry(entries(21, 21)))
		}, 0, nil, entry(1, 21, "entry 21")},
		{"a release", func(w *WAL) error {
			return errors.Join(release(w, at(20)), w.SaveEntry(entries(21, 21)))
		}, 0, nil, entry(1, 21, "entry 21")},
		{"a close", (*WAL).Close, 0, ErrClosed, nil},
		{"a failure", func(w *WAL) error {
			w.fail("test", errors.New("a bad disk"))
			return nil
		}, 0, ErrFailed, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := newLog(t)
			require.NoError(t, w.SaveEntry(entries(1, 20)))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			f := follow(ctx, w, 1)
			for i := uint64(1); i <= 20; i++ {
				require.Equal(t, i, f.next(t).GetIndex())
			}
			waitForFollower(t, w)
			require.NoError(t, tt.act(w))
			switch {
			case tt.next != nil:
				require.Equal(t, tt.next, f.next(t))
			case tt.err != nil:
				require.ErrorIs(t, f.err(t), tt.err)
			default:
				var over *OverwrittenError
				require.ErrorAs(t, f.err(t), &over)
				require.Equal(t, tt.index, over.Index)
			}
		})
	}
}

// What is replaced before it was yielded is yielded as it is now: no error, and nothing of the old.
func TestFollow_GoesOnWithWhatWasReplacedAheadOfIt(t *testing.T) {
	w, _ := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 30)))
	var got []log.LogEntry
	for ent, err := range w.Follow(t.Context(), 1) {
		require.NoError(t, err)
		got = append(got, ent)
		if len(got) == 10 {
			require.NoError(t, w.TruncateBack(15))
			require.NoError(t, w.SaveEntry([]log.LogEntry{newer(13), newer(14)}))
			require.NoError(t, w.SaveEntry([]log.LogEntry{newer(15), newer(16)}))
		}
		if len(got) == 16 {
			break
		}
	}
	require.Equal(t, append(entries(1, 12), newer(13), newer(14), newer(15), newer(16)), got)
}

// A follower that is behind yields all that is durable before it tells of the end, also of a closed
// log.
func TestFollow_YieldsWhatIsDurableBeforeTheEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		end func(*WAL)
		err error
	}{
		"close":   {func(w *WAL) { w.Close() }, ErrClosed},
		"failure": {func(w *WAL) { w.fail("test", errors.New("a bad disk")) }, ErrFailed},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := &countingFS{FS: faultfs.New().FS}
			w, _ := newLog(t, withFS(fsys))
			fillSegments(t, w, 3)
			last := w.LastIndex()
			next := uint64(1)
			var got error
			for ent, err := range w.Follow(t.Context(), 1) {
				if err != nil {
					got = err
					continue
				}
				require.Equal(t, next, ent.GetIndex())
				if next++; next == 5 {
					tt.end(w)
				}
			}
			require.Equal(t, last+1, next)
			require.ErrorIs(t, got, tt.err)
			w.Close()
			open, _, _ := fsys.counts()
			require.Zero(t, open)
		})
	}
}

func TestFollow_OneThatIsBehindKeepsItsSegments(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 4)
	last := w.LastIndex()
	next := uint64(1)
	for ent, err := range w.Follow(t.Context(), 1) {
		require.NoError(t, err)
		require.Equal(t, entries(next, next)[0], ent)
		if next == 3 {
			purgeAll(t, w)
			require.Len(t, segmentsOf(t, dir), 5)
		}
		if next++; next > last {
			break
		}
	}
	purgeAll(t, w)
	require.Len(t, segmentsOf(t, dir), 1)
}

// Replicas that go back to where the log was replaced, and go on, end as the log is.
func TestFollow_ReplicasBecomeTheLog(t *testing.T) {
	w, _ := newLog(t, WithNoSync())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const replicas = 3
	done := entry(9, 0, "done")
	var wg sync.WaitGroup
	copies := make([][]log.LogEntry, replicas)
	rewinds := make([]int, replicas)
	for r := range replicas {
		wg.Go(func() {
			for ent, err := range w.Follow(ctx, 1) {
				var over *OverwrittenError
				if errors.As(err, &over) {
					rewinds[r]++
					copies[r] = copies[r][:over.Index-1]
					continue
				}
				if !assert.NoError(t, err) {
					return
				}
				copies[r] = append(copies[r], ent)
				if string(ent.(*walpb.Entry).Data) == string(done.Data) {
					return
				}
			}
		})
	}
	rnd := rand.New(rand.NewPCG(newSeed(t), 1))
	for n := range 3000 {
		last := w.LastIndex()
		switch k := rnd.IntN(20); {
		case k < 15 || last < 10:
			require.NoError(t, w.SaveEntry([]log.LogEntry{entry(uint64(n), last+1, "a"),
				entry(uint64(n), last+2, "b")}))
		case k < 18:
			i := last - rnd.Uint64N(5)
			require.NoError(t, w.SaveEntry([]log.LogEntry{entry(uint64(n), i, "c")}))
		default:
			require.NoError(t, w.TruncateBack(last-rnd.Uint64N(5)))
		}
	}
	done.Index = w.LastIndex() + 1
	require.NoError(t, w.SaveEntry([]log.LogEntry{done}))
	wg.Wait()
	want, err := collect(&w.view, 1, done.Index+1)
	require.NoError(t, err)
	for r := range replicas {
		require.Equal(t, want, copies[r])
	}
	t.Logf("%d entries; rewinds %v", len(want), rewinds)
}

func TestFollow_WithoutAContext(t *testing.T) {
	w, _ := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 2)))
	var ctx context.Context
	for _, err := range w.Follow(ctx, 1) {
		require.ErrorIs(t, err, ErrInvalidArgument)
	}
}

// After Close too, what ended the log is the failure.
func TestFollow_OfAFailedLogThatWasClosed(t *testing.T) {
	w, _ := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	w.fail("test", errors.New("a bad disk"))
	require.ErrorIs(t, w.Close(), ErrFailed)
	for _, from := range []uint64{1, 4} {
		for _, err := range w.Follow(context.Background(), from) {
			require.ErrorIs(t, err, ErrFailed)
			require.NotErrorIs(t, err, ErrClosed)
		}
	}
}
