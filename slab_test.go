package wal

import (
	"bytes"
	"runtime"
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

// An entry that is kept keeps its own piece of memory, whatever reads it.
func TestSlab_AnEntryKeepsNoMoreThanItsPiece(t *testing.T) {
	const count, step = 4000, 250
	for _, size := range []int{100, 900, 4000} {
		w, _ := newLog(t, WithNoSync())
		ents := make([]log.LogEntry, count)
		for i := range ents {
			ents[i] = &walpb.Entry{Index: uint64(i + 1), Data: make([]byte, size)}
		}
		require.NoError(t, w.SaveEntry(ents))
		for name, read := range map[string]func() []log.LogEntry{
			"ReadAll": func() []log.LogEntry {
				_, _, ents, err := w.ReadAll()
				require.NoError(t, err)
				return ents
			},
			"EntriesLimit": func() []log.LogEntry {
				ents, err := w.EntriesLimit(1, count+1, 1<<40)
				require.NoError(t, err)
				return ents
			},
		} {
			read() // so that the buffers are there
			var kept []log.LogEntry
			before := heap()
			for i, ent := range read() {
				if i%step == 0 {
					kept = append(kept, ent)
				}
			}
			require.Less(t, heap()-before, int64(len(kept)*96<<10+1<<20), "%s, %d bytes", name, size)
			runtime.KeepAlive(kept)
		}
		require.NoError(t, w.Close())
	}
}

// heap returns how many bytes are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A log that holds little takes little memory to be read.
func TestSlab_AFewEntriesTakeLittleMemory(t *testing.T) {
	w, _ := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	var before, after runtime.MemStats
	_, _, _, err := w.ReadAll()
	require.NoError(t, err)
	runtime.ReadMemStats(&before)
	_, _, ents, err := w.ReadAll()
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Len(t, ents, 3)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<10))
}
