package wal

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

type jsonText = log.JSON[string]

// textRegistry has jsonText for its entries and snapshots.
func textRegistry() Option {
	r := log.NewRegistry()
	r.Register(log.EntryType, &jsonText{})
	r.Register(log.SnapshotType, &jsonText{})
	return WithRegistry(r)
}

// texts returns the values of the entries of a log, from its first entry on, and checks their
// indexes.
func texts(t *testing.T, w *WAL) (values []string) {
	t.Helper()
	next := w.FirstIndex()
	for e, err := range As[*jsonText](w.Entries(next, w.LastIndex()+1)) {
		require.NoError(t, err)
		require.Equal(t, next, e.Index)
		values = append(values, e.Value)
		next++
	}
	return values
}

func TestSaveNext_GivesEntriesTheirIndexes(t *testing.T) {
	w, _ := newLog(t, textRegistry())
	first, err := w.SaveNext()
	require.NoError(t, err)
	require.EqualValues(t, 1, first)
	require.Zero(t, w.LastIndex())
	first, err = w.SaveNext(&jsonText{Value: "a"}, &jsonText{Index: 77, Value: "b"})
	require.NoError(t, err)
	require.EqualValues(t, 1, first)
	first, p, err := w.AppendNext(&jsonText{Value: "c"})
	require.NoError(t, err)
	require.EqualValues(t, 3, first)
	first, q, err := w.AppendNext(&jsonText{Value: "d"}, &jsonText{Value: "e"})
	require.NoError(t, err)
	require.EqualValues(t, 4, first, "counted before it is durable")
	require.NoError(t, p.Wait())
	require.NoError(t, q.Wait())
	require.Equal(t, []string{"a", "b", "c", "d", "e"}, texts(t, w))

	w = reopen(t, w, nil, textRegistry())
	require.NoError(t, w.TruncateBack(4))
	first, err = w.SaveNext(&jsonText{Value: "E"})
	require.NoError(t, err)
	require.EqualValues(t, 5, first)
	require.Equal(t, []string{"a", "b", "c", "d", "E"}, texts(t, w))
	require.NoError(t, w.SaveSnap(&jsonText{Index: 100}))
	first, err = w.SaveNext(&jsonText{Value: "behind the snapshot"})
	require.NoError(t, err)
	require.EqualValues(t, 101, first)
}

// Many at once, over many segments: each gets indexes of its own, and one goroutine's ascend.
func TestSaveNext_ByManyAtOnce(t *testing.T) {
	w, _ := newLog(t, textRegistry(), WithNoSync())
	var wait sync.WaitGroup
	got := make([][]uint64, 4)
	for g := range got {
		wait.Go(func() {
			for range 50 {
				first, err := w.SaveNext(&jsonText{Value: "one"}, &jsonText{Value: "two"})
				if err != nil {
					t.Error(err)
					return
				}
				got[g] = append(got[g], first, first+1)
			}
		})
	}
	wait.Wait()
	require.Greater(t, w.Stats().Cuts, uint64(2))
	for _, own := range got {
		require.True(t, slices.IsSorted(own))
	}
	all := slices.Sorted(slices.Values(slices.Concat(got...)))
	require.Len(t, all, 400)
	for i, index := range all {
		require.EqualValues(t, i+1, index)
	}
	for i, text := range texts(t, w) {
		require.Equal(t, []string{"one", "two"}[i%2], text)
	}
}

// stuck has an index that SetIndex does not change, and wrecked one that panics.
type stuck struct{ customEntry }

func (*stuck) SetIndex(uint64) {}

type wrecked struct{ customEntry }

func (*wrecked) SetIndex(uint64) { panic("no") }

func TestSaveNext_RefusesWhatHasNoIndexOfItsOwn(t *testing.T) {
	w, _ := newLog(t, textRegistry())
	fine := &jsonText{Value: "fine"}
	for _, bad := range []log.LogEntry{nil, (*jsonText)(nil), &walpb.Entry{}, &customEntry{Index: 1},
		&stuck{customEntry{Index: 9}}} {
		_, err := w.SaveNext(fine, bad)
		require.ErrorIs(t, err, ErrInvalidArgument, "%T", bad)
		_, _, err = w.AppendNext(bad)
		require.ErrorIs(t, err, ErrInvalidArgument, "%T", bad)
	}
	_, err := w.SaveNext(&wrecked{})
	require.ErrorIs(t, err, ErrEncode)
	first, err := w.SaveNext(fine)
	require.NoError(t, err)
	require.EqualValues(t, 1, first, "nothing was written before")
	require.NoError(t, w.Close())
	for _, ents := range [][]log.LogEntry{nil, {fine}} {
		_, err = w.SaveNext(ents...)
		require.ErrorIs(t, err, ErrClosed)
		_, _, err = w.AppendNext(ents...)
		require.ErrorIs(t, err, ErrClosed)
	}
}
