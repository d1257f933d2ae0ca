package wal

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// Entries of one slab are independent: appending to the data of one, or changing
// it, leaves its neighbours as they are.
func TestSlab_EntriesThatShareMemoryDoNotReachEachOther(t *testing.T) {
	w, _ := newLog(t)
	var want []log.LogEntry
	for i := range uint64(200) {
		want = append(want, entry(1, i+1, string(bytes.Repeat([]byte{byte(i)}, int(i)%90))))
	}
	require.NoError(t, w.SaveEntry(want))
	_, got := contentsOf(t, w)
	require.Equal(t, want, got)
	for _, e := range got {
		data := e.(*walpb.Entry).Data
		require.Equal(t, len(data), cap(data), "an append would write over the neighbour")
	}
	for i := 0; i < len(got); i += 2 {
		clear(got[i].(*walpb.Entry).Data)
	}
	for i := 1; i < len(got); i += 2 {
		require.Equal(t, want[i], got[i])
	}
}

func TestSlab_AppendedEntriesAreNewOnesOfTheRegisteredType(t *testing.T) {
	for name, reg := range map[string]*log.Registry{"default": log.NewRegistry(),
		"custom": customRegistry()} {
		t.Run(name, func(t *testing.T) {
			made := reg.AppendEntries([]log.LogEntry{entry(1, 7, "kept")}, 3)
			require.Len(t, made, 4)
			require.EqualValues(t, 7, made[0].GetIndex())
			for i, e := range made[1:] {
				require.IsType(t, reg.NewEntry(), e)
				for _, other := range made[i+2:] {
					require.NotSame(t, e, other)
				}
			}
		})
	}
}

func TestSlab_ReadingSmallEntriesTakesLessThanOneAllocationForEach(t *testing.T) {
	again := customRegistry()
	again.Register(log.EntryType, &walpb.Entry{})
	for name, reg := range map[string]*log.Registry{"default": log.NewRegistry(),
		"the default type, registered": again} {
		t.Run(name, func(t *testing.T) {
			w, _ := newLog(t, WithSegmentSize(1<<20), WithRegistry(reg))
			require.NoError(t, w.SaveEntry(entries(1, 1000)))
			allocs := testing.AllocsPerRun(10, func() {
				for _, err := range w.Entries(1, 1001) {
					require.NoError(t, err)
				}
			})
			require.Less(t, allocs, 300.0)
		})
	}
}
