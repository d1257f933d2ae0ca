package wal

import (
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
)

func TestTruncateBack_DropsForEver(t *testing.T) {
	for name, setup := range map[string]func(t *testing.T, w *WAL) *WAL{
		"in one segment":  func(_ *testing.T, w *WAL) *WAL { return w },
		"across segments": func(t *testing.T, w *WAL) *WAL { fillSegments(t, w, 3); return w },
		"after reopening": func(t *testing.T, w *WAL) *WAL {
			fillSegments(t, w, 1)
			return reopen(t, w, nil)
		},
		"after a cut": func(t *testing.T, w *WAL) *WAL { forceCut(t, w); return w },
	} {
		for _, to := range []uint64{7, 1, 0} {
			t.Run(name, func(t *testing.T) {
				w, _ := newLog(t)
				require.NoError(t, w.SaveEntry(entries(1, 10)))
				w = setup(t, w)
				before, last := tailOf(w), w.LastIndex()
				require.NoError(t, w.TruncateBack(last))
				require.NoError(t, w.TruncateBack(^uint64(0)))
				require.Equal(t, before, tailOf(w), "nothing to drop, nothing written")
				syncs := w.Stats().Syncs

				require.NoError(t, w.TruncateBack(to))
				require.Greater(t, w.Stats().Syncs, syncs, "durably")
				want := entries(1, to)
				check := func() {
					t.Helper()
					_, here := contentsOf(t, w)
					for _, got := range [][]log.LogEntry{here, readAll(t, w.dir.Path(), nil)} {
						require.Equal(t, append([]log.LogEntry{}, want...), append([]log.LogEntry{}, got...))
					}
					require.Equal(t, uint64(len(want)), w.LastIndex())
					require.EqualValues(t, 1, w.FirstIndex())
				}
				check()
				w = reopen(t, w, nil)
				check()
				require.ErrorIs(t, w.SaveEntry(entries(to+2, to+2)), ErrIndexGap)
				next := entry(9, to+1, "after the truncation")
				require.NoError(t, w.SaveEntry([]log.LogEntry{next}))
				want = append(want, next)
				check()
				w = reopen(t, w, nil)
				check()
			})
		}
	}
}

func TestTruncateBack_InEtcdFormat(t *testing.T) {
	w, dir := newLog(t, WithEtcdFormat())
	require.NoError(t, w.SaveEntry(entries(1, 10)))
	require.ErrorIs(t, w.TruncateBack(5), errors.ErrUnsupported)
	require.EqualValues(t, 10, w.LastIndex())

	w = reopen(t, w, nil) // without the option
	require.NoError(t, w.SaveEntry(entries(11, 11)))
	require.Len(t, segmentsOf(t, dir), 1, "a plain tail is appended to")
	require.NoError(t, w.TruncateBack(5))
	paths := segmentsOf(t, dir)
	require.Len(t, paths, 2)
	require.False(t, framesOf(t, paths[0])[0].HasTrailer)
	require.True(t, framesOf(t, paths[1])[0].HasTrailer)
	require.NoError(t, w.SaveEntry(entries(6, 7)))
	w = reopen(t, w, nil)
	_, ents := contentsOf(t, w)
	require.Equal(t, entries(1, 7), ents)

	// Back in etcd format the trailered tail stays trailered, and the next segment is plain.
	w = reopen(t, w, nil, WithEtcdFormat())
	require.ErrorIs(t, w.TruncateBack(5), errors.ErrUnsupported)
	require.NoError(t, w.SaveEntry(entries(8, 8)))
	fillSegments(t, w, 1)
	paths = segmentsOf(t, dir)
	require.False(t, framesOf(t, paths[len(paths)-1])[0].HasTrailer)
	last := w.LastIndex()
	require.NoError(t, w.Close())
	require.Equal(t, entries(1, last), readAll(t, dir, nil))
	_, err := os.Stat(paths[0])
	require.NoError(t, err)
}
