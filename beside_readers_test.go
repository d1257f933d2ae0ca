package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// readers are all ways to read a log that somebody else has open. Each returns the last index that
// it saw.
var readers = map[string]func(dir string, opts ...Option) (last uint64, err error){
	"OpenForRead": func(dir string, opts ...Option) (uint64, error) {
		r, err := OpenForRead(nil, dir, nil, opts...)
		if err != nil {
			return 0, err
		}
		defer r.Close()
		_, _, ents, err := r.ReadAll()
		if errors.Is(err, ErrCompacted) {
			err = nil // the one thing that a reader notices of a purge
		}
		for i, ent := range ents {
			if want := ents[0].GetIndex() + uint64(i); ent.GetIndex() != want {
				return 0, fmt.Errorf("entry %d in place of %d", ent.GetIndex(), want)
			}
		}
		return r.LastIndex(), err
	},
	"Verify": func(dir string, opts ...Option) (uint64, error) {
		report, err := Verify(nil, dir, opts...)
		if err != nil {
			return 0, err
		}
		// A writer that gets no processor in the middle of a write seems to have died: Torn says so.
		return report.LastIndex, nil
	},
	"ValidSnapshots": func(dir string, opts ...Option) (uint64, error) {
		_, err := ValidSnapshots(nil, dir, opts...)
		return 0, err
	},
	"Records": func(dir string, opts ...Option) (last uint64, err error) {
		for rec, err := range Records(dir, opts...) {
			if err != nil {
				return 0, err
			}
			switch {
			case rec.Type == log.EntryType:
				var e walpb.Entry
				if err := e.Unmarshal(rec.Data); err != nil {
					return 0, err
				}
				last = e.Index
			case rec.Control == ControlTruncate:
				last = min(last, rec.TruncatedTo)
			case rec.Control == ControlRestore:
				last = rec.RestoredTo
			}
		}
		return last, nil
	},
}

// Goroutines read a log in every way while another one saves, cuts, truncates, restores,
// compacts and purges.
func TestBeside_ReadersAndAWriter(t *testing.T) {
	for _, format := range []struct {
		name string
		opts []Option
	}{{"ours", nil}, {"etcd", []Option{WithEtcdFormat()}}} {
		t.Run(format.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			w, err := Create(nil, dir, []byte("beside"), append(format.opts, WithSegmentSize(64<<10))...)
			require.NoError(t, err)
			defer w.Close()
			done := make(chan struct{})
			var wait sync.WaitGroup
			for name, read := range readers {
				wait.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-done:
							t.Logf("%s: %d readings", name, n)
							return
						default:
						}
						if _, err := read(dir); !assert.NoError(t, err, name) {
							return
						}
					}
				})
			}
			rnd := rand.New(rand.NewPCG(1, 1))
			for began := time.Now(); time.Since(began) < 500*time.Millisecond && !t.Failed(); {
				writeBeside(t, w, rnd, format.name == "ours")
			}
			close(done)
			wait.Wait()
		})
	}
}

// writeBeside does one thing of a writer.
func writeBeside(t *testing.T, w *WAL, rnd *rand.Rand, truncates bool) {
	last := w.LastIndex()
	switch k := rnd.IntN(40); {
	case k == 0 && last > 3 && truncates:
		require.NoError(t, w.TruncateBack(last-rnd.Uint64N(3)))
	case k == 2 && last > 3 && truncates:
		require.NoError(t, w.Compact(last-rnd.Uint64N(3)))
	case k == 3 && last > 3 && truncates:
		snap := &walpb.Snapshot{Index: last - 3 + rnd.Uint64N(6), Term: 1}
		require.NoError(t, w.Restore(snap, &walpb.HardState{Term: 1, Commit: snap.Index}, nil))
	case k == 1 && last > 0:
		snap := &walpb.Snapshot{Index: last, Term: 1}
		require.NoError(t, w.SaveSnap(snap))
		require.NoError(t, w.Release(snap))
		_, err := w.Purge()
		require.NoError(t, err)
	default:
		var ents []log.LogEntry
		for i := range 1 + rnd.Uint64N(3) {
			data := make([]byte, 100+rnd.IntN(800))
			ents = append(ents, &walpb.Entry{Term: 1, Index: last + 1 + i, Data: data})
		}
		require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: last}, ents))
	}
}
