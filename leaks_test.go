package wal_test

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/walpb"
)

// What ends leaves no goroutine behind, however it ends. That no file stays open is
// proven for every failing call, in TestFaults_AnyOneFailingCallLosesNothingAcknowledged.
func TestLeaks_NoGoroutineIsLeft(t *testing.T) {
	small := []wal.Option{wal.WithSegmentSize(16 << 10), wal.WithNoSync()}
	fill := func(t *testing.T) *benchLog {
		l := newBenchLog(t, small...)
		for b := newBatch(10, 100); l.last < 1000; {
			require.NoError(t, l.SaveEntry(l.next(b)))
		}
		return l
	}
	for name, end := range map[string]func(t *testing.T){
		"closed while a segment is prepared": func(t *testing.T) {
			l := newBenchLog(t, small...)
			require.NoError(t, l.SaveEntry(l.next(newBatch(9, 1<<10))))
			require.NoError(t, l.Close())
		},
		"closed with saves in flight": func(t *testing.T) {
			l := fill(t)
			for range 100 {
				_, err := l.Append(nil, l.next(newBatch(1, 100)))
				require.NoError(t, err)
			}
			require.NoError(t, l.Close())
		},
		"a follower that is told to stop": func(t *testing.T) {
			l := fill(t)
			ctx, stop := context.WithCancel(t.Context())
			for ent, err := range l.Follow(ctx, 1) {
				if err != nil {
					require.ErrorIs(t, err, context.Canceled)
					continue
				}
				if ent.GetIndex() == 1000 {
					stop()
				}
			}
			stop()
		},
		"a follower whose log is closed": func(t *testing.T) {
			l := fill(t)
			done := make(chan error)
			go func() {
				for _, err := range l.Follow(context.Background(), 1) {
					if err != nil {
						done <- err
					}
				}
				close(done)
			}()
			require.NoError(t, l.Close())
			require.ErrorIs(t, <-done, wal.ErrClosed)
			<-done
		},
		"a loop that is left early": func(t *testing.T) {
			l := fill(t)
			for range l.Entries(1, 1001) {
				break
			}
			for range wal.Records(l.dir) {
				break
			}
		},
		"all is read at once": func(t *testing.T) {
			l := fill(t)
			_, _, _, err := l.ReadAll()
			require.NoError(t, err)
		},
		"an open that fails in the middle": func(t *testing.T) {
			l := fill(t)
			require.NoError(t, l.Close())
			segments, err := filepath.Glob(filepath.Join(l.dir, "*.wal"))
			require.NoError(t, err)
			require.Greater(t, len(segments), 6)
			data, err := os.ReadFile(segments[2])
			require.NoError(t, err)
			data[len(data)/2] ^= 1
			require.NoError(t, os.WriteFile(segments[2], data, 0o600))
			_, err = wal.Open(nil, l.dir, nil)
			require.ErrorIs(t, err, wal.ErrCorrupt)
			_, err = wal.OpenForRead(nil, l.dir, nil)
			require.ErrorIs(t, err, wal.ErrCorrupt)
			_, err = wal.Verify(nil, l.dir)
			require.ErrorIs(t, err, wal.ErrCorrupt)
		},
		"an open at a snapshot that is not there": func(t *testing.T) {
			l := fill(t)
			require.NoError(t, l.Close())
			_, err := wal.Open(nil, l.dir, &walpb.Snapshot{Index: math.MaxInt64})
			require.ErrorIs(t, err, wal.ErrSnapshotNotFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			t.Run("", func(t *testing.T) { end(t) }) // closes what is still open at its end
			// Eventually counts in a goroutine of its own.
			require.Eventually(t, func() bool {
				return runtime.NumGoroutine() <= before+1
			}, 10*time.Second, time.Millisecond,
				"goroutines are left; before there were %d", before)
		})
	}
}
