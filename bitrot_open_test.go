package wal

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// span is a part of a segment.
type span struct {
	segment  string
	from, to int64
}

// spansRead returns what is read to get each entry, entry 1 first: from the point before it to its
// end.
func spansRead(t *testing.T, w *WAL, dir string) (spans []span) {
	t.Helper()
	for _, path := range segmentsOf(t, dir) {
		for _, f := range framesOf(t, path) {
			if f.Type == log.EntryType {
				x := w.index.at(uint64(len(spans)) + 1)
				spans = append(spans, span{filepath.Base(path), x.off, f.off + f.Size})
			}
		}
	}
	return spans
}

// Whatever bit rots while a log is open (one in rotFiles, or all with fullRot): a read that passes
// over it is an ErrCorrupt that names the segment, and every other read gives what was saved.
func TestBitRot_InAnOpenLogThatIsRead(t *testing.T) {
	w, dir := newLog(t, WithSegmentSize(4096), WithPreallocation(PreallocateNone))
	var want []log.LogEntry
	for i := uint64(1); w.Stats().Cuts < 2; i++ {
		ent := &walpb.Entry{Term: 1, Index: i, Data: make([]byte, i*7%150)}
		want = append(want, ent)
		require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: i}, []log.LogEntry{ent}))
	}
	spans := spansRead(t, w, dir)
	require.Len(t, spans, len(want))
	last := uint64(len(want))
	tried, hit := 0, 0
	withEveryBitFlipped(t, dir, func(segment string, off int64, where string) {
		tried++
		streamed := last // entries that an iteration can yield
		entered := false // it reads from the segment's first entry on, also what stands between entries
		for i := uint64(1); i <= last; i++ {
			s := spans[i-1]
			bad := s.segment == segment && s.from <= off && off < s.to
			got, err := w.Entry(i)
			requireRead(t, want[i-1], got, err, last, bad, segment, where)
			entered = entered || s.segment == segment && s.from <= off
			if entered && s.segment == segment && off < s.to {
				streamed = min(streamed, i-1)
			}
		}
		got, err := collect(&w.view, 1, last+1)
		require.Equal(t, want[:streamed], append([]log.LogEntry{}, got...), where)
		limited, lerr := w.EntriesLimit(1, last+1, ^uint64(0))
		if streamed < last {
			hit++
			require.ErrorIs(t, err, ErrCorrupt, where)
			require.ErrorIs(t, lerr, ErrCorrupt, where)
			require.Empty(t, limited, where)
		} else {
			require.NoError(t, err, where)
			require.NoError(t, lerr, where)
			require.Equal(t, want, limited, where)
		}
	})
	t.Logf("%d bits, %d of them in what is read, %d entries each", tried, hit, last)
}

// requireRead makes sure that a read gave the right entry, or, if it is bad, says that the segment
// is damaged.
func requireRead(
	t *testing.T, want, got log.LogEntry, err error, last uint64, bad bool, segment, where string,
) {
	t.Helper()
	if !bad {
		require.NoError(t, err, where)
		require.Equal(t, want, got, where)
		return
	}
	var c *CorruptionError
	require.ErrorAs(t, err, &c, where)
	require.Equal(t, segment, c.Segment, where)
	require.LessOrEqual(t, c.FirstIndex, want.GetIndex(), where)
	require.Equal(t, last, c.LastIndex, "all behind it is at stake too, %s", where)
	require.Nil(t, got, where)
}
