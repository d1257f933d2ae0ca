package crashmodel_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/crashmodel"
	"github.com/seed449c39bc/wal/walpb"
)

// entry makes an entry of term 1.
func entry(index uint64, data string) *walpb.Entry {
	return &walpb.Entry{Term: 1, Index: index, Data: []byte(data)}
}

// found returns what an open finds of a content, if entries up to an index are gone.
func found(c *crashmodel.Content, gone uint64) *crashmodel.Found {
	f := &crashmodel.Found{First: c.Low, Content: *c}
	for f.First <= gone {
		f.First, f.Entries = f.First+1, f.Entries[1:]
	}
	f.Low = f.First
	return f
}

// aLife is one with a create and three saves, each acknowledged ten changes after it was begun, but
// for the last one.
func aLife() *crashmodel.Life {
	l := crashmodel.NewLife(crashfs.Image{}, nil, 0)
	c := &crashmodel.Content{Low: 1}
	for i, at := range []int{0, 20, 40, 60} {
		acked := at + 10
		if i > 0 {
			c = c.Put(entry(uint64(i), "x"))
		}
		if i == 3 {
			acked = -1
		}
		l.Stages = append(l.Stages, &crashmodel.Stage{What: "a call", Content: c, Begun: at, Acked: acked,
			Kept: 1 << 62})
	}
	return l
}

func TestLife_ACrashLeavesWhatWasAcknowledgedAndNothingThatHadNotBegun(t *testing.T) {
	l := aLife()
	for _, c := range []struct{ at, lo, hi int }{
		{0, 0, 0}, {5, 0, 1}, {10, 1, 1}, {25, 1, 2}, {30, 2, 2}, {55, 3, 3}, {100, 3, 4},
	} {
		lo, hi := l.Allowed(c.at)
		require.Equal(t, []int{c.lo, c.hi}, []int{lo, hi}, "after %d changes", c.at)
		for i, s := range l.Stages {
			var f *crashmodel.Found
			if s.Content != nil {
				f = found(s.Content, 0)
			}
			stage, err := l.Explains(c.at, f)
			if i < c.lo || i > c.hi {
				require.ErrorContains(t, err, "allowed is", "stage %d after %d changes", i, c.at)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, i, stage)
		}
	}
}

func TestLife_EntriesAreGoneOnlyOncePurged(t *testing.T) {
	l := aLife()
	gone := found(l.Newest(), 1)
	_, err := l.Explains(100, gone)
	require.ErrorContains(t, err, "entries up to 0 may be gone")
	l.Floors = append(l.Floors, crashmodel.Floor{Begun: 50, Index: 1, Stages: len(l.Stages)})
	_, err = l.Explains(100, gone)
	require.NoError(t, err)
	_, err = l.Explains(50, found(l.Stages[3].Content, 1))
	require.Error(t, err, "the purge had not begun")
}

func TestContent_WhatEachCallLeaves(t *testing.T) {
	c := (&crashmodel.Content{Low: 1}).Put(entry(1, "a")).Put(entry(2, "b")).Put(entry(3, "c"))
	over := c.Put(entry(2, "new"))
	require.EqualValues(t, 2, over.Last())
	require.EqualValues(t, 3, c.Last(), "it is never changed")
	require.EqualValues(t, 1, c.Truncated(1).Last())
	compacted := c.Compacted(2)
	require.EqualValues(t, 3, compacted.Low)
	require.EqualValues(t, 3, compacted.Last())
	jumped := c.WithSnapshot(walpb.Snapshot{Index: 9, Term: 1})
	require.EqualValues(t, 9, jumped.Last())
	require.True(t, jumped.Is(&crashmodel.Found{First: 10,
		Content: crashmodel.Content{Low: 10, Snapshot: jumped.Snapshot}}, 0))
	require.EqualValues(t, 2, jumped.Truncated(2).Last(), "it takes the jump back")
	restored := c.Restored(walpb.Snapshot{Index: 7, Term: 2}, nil, []*walpb.Entry{entry(8, "d")})
	require.EqualValues(t, 8, restored.Low)
	require.EqualValues(t, 8, restored.Last())
	require.True(t, restored.Is(found(restored, 0), 0))
	require.False(t, restored.Is(nil, 0))
}
