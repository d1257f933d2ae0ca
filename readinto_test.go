package wal

import (
	"encoding/json"
	"fmt"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// mergingEntry is decoded as protobuf's Unmarshal and encoding/json's do it: what the data does not
// have stays as it was.
type mergingEntry struct {
	Index uint64            `json:"i"`
	Value string            `json:"v,omitempty"`
	Tags  map[string]string `json:"t,omitempty"`
}

func (e *mergingEntry) Marshal() ([]byte, error)    { return json.Marshal(e) }
func (e *mergingEntry) Unmarshal(data []byte) error { return json.Unmarshal(data, e) }
func (e *mergingEntry) GetIndex() uint64            { return e.Index }
func (e *mergingEntry) Size() int                   { return 64 }

// mapEntry is an entry that is no pointer.
type mapEntry map[string]uint64

func (e mapEntry) Marshal() ([]byte, error) { return json.Marshal(map[string]uint64(e)) }
func (e mapEntry) Unmarshal(data []byte) error {
	return json.Unmarshal(data, (*map[string]uint64)(&e))
}
func (e mapEntry) GetIndex() uint64 { return e["index"] }
func (e mapEntry) Size() int        { return 64 }

// valueEntry is an entry that nothing can be decoded into.
type valueEntry struct{ customEntry }

func (e valueEntry) Marshal() ([]byte, error) { return nil, nil }
func (e valueEntry) Unmarshal([]byte) error   { return nil }
func (e valueEntry) GetIndex() uint64         { return 1 }
func (e valueEntry) Size() int                { return 1 }

// copyOf returns what a record holds, as what does not share its memory.
func copyOf(t require.TestingT, e log.LogEntry) string {
	b, err := e.Marshal()
	require.NoError(t, err)
	return fmt.Sprintf("%d: %s", e.GetIndex(), b)
}

// collectInto runs an iteration that reads into a record to its end.
func collectInto(
	t require.TestingT, v *view, lo, hi uint64, into log.LogEntry,
) (got []string, err error) {
	for i, err := range v.ReadEntries(lo, hi, into) {
		if err != nil {
			return got, err
		}
		require.Equal(t, i, into.GetIndex())
		got = append(got, copyOf(t, into))
	}
	return got, nil
}

func TestReadInto_ReadsWhatEntriesReads(t *testing.T) {
	for name, tt := range map[string]struct {
		into log.LogEntry
		make func(i uint64) log.LogEntry
	}{
		"the default type": {new(walpb.Entry), func(i uint64) log.LogEntry {
			e := entry(i/7, i, fmt.Sprintf("entry %d", i))
			if i%3 == 0 {
				e.Data = nil
			}
			return e
		}},
		"JSON": {new(log.JSON[string]), func(i uint64) log.LogEntry {
			return &log.JSON[string]{Index: i, Value: fmt.Sprint("value ", i)}
		}},
		"a type that merges": {new(mergingEntry), func(i uint64) log.LogEntry {
			e := &mergingEntry{Index: i}
			if i%2 == 0 {
				e.Value = fmt.Sprint("value ", i)
			}
			if i%3 == 0 {
				e.Tags = map[string]string{fmt.Sprint("key ", i): "tag"}
			}
			return e
		}},
		"a map": {mapEntry{"old": 1}, func(i uint64) log.LogEntry {
			return mapEntry{"index": i, fmt.Sprint("key ", i): i}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			reg := log.NewRegistry()
			reg.Register(log.EntryType, tt.make(1))
			w, _ := newLog(t, WithSegmentSize(4<<10), WithRegistry(reg))
			var want []string
			for i := uint64(1); i <= 300; i++ {
				e := tt.make(i)
				require.NoError(t, w.SaveEntry([]log.LogEntry{e}))
				want = append(want, copyOf(t, e))
			}
			for _, span := range [][2]uint64{{1, 301}, {1, 2}, {300, 301}, {150, 151}, {17, 250}, {9, 9}} {
				got, err := collectInto(t, &w.view, span[0], span[1], tt.into)
				require.NoError(t, err)
				require.Equal(t, len(want[span[0]-1:span[1]-1]), len(got))
				for i := range got {
					require.Equal(t, want[int(span[0])-1+i], got[i])
				}
			}
			for _, i := range []uint64{300, 1, 33, 34, 35, 36} {
				require.NoError(t, w.ReadEntry(i, tt.into))
				require.Equal(t, want[i-1], copyOf(t, tt.into))
			}
		})
	}
}

// A record that was read into with ReadEntry keeps what it holds, whatever is read later.
func TestReadInto_ReadEntryCopies(t *testing.T) {
	w, _ := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 50)))
	var kept [50]walpb.Entry
	for i := range kept {
		require.NoError(t, w.ReadEntry(uint64(i+1), &kept[i]))
	}
	for i, want := range entries(1, 50) {
		require.Equal(t, want, log.LogEntry(&kept[i]))
	}
}

func TestReadInto_ErrorsAreThoseOfEntries(t *testing.T) {
	w, _ := newLog(t)
	require.NoError(t, w.SaveSnap(at(9)))
	require.NoError(t, w.SaveEntry(entries(10, 20)))
	into := new(walpb.Entry)
	for _, tt := range []struct {
		lo, hi uint64
		err    error
	}{
		{9, 11, ErrCompacted}, {10, 22, ErrNotFound}, {12, 11, ErrInvalidArgument}, {12, 12, nil},
	} {
		_, err := collectInto(t, &w.view, tt.lo, tt.hi, into)
		require.ErrorIs(t, err, tt.err)
	}
	require.ErrorIs(t, w.ReadEntry(9, into), ErrCompacted)
	require.ErrorIs(t, w.ReadEntry(21, into), ErrNotFound)
	for name, bad := range map[string]log.LogEntry{"nil": nil, "a nil pointer": (*walpb.Entry)(nil),
		"a nil map": mapEntry(nil), "a value": valueEntry{}} {
		_, err := collectInto(t, &w.view, 10, 12, bad)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
		require.ErrorIs(t, w.ReadEntry(10, bad), ErrInvalidArgument, name)
	}
	require.ErrorIs(t, w.ReadEntry(10, new(customEntry)), ErrDecode, "the log has another type")
	require.NoError(t, w.Close())
	_, err := collectInto(t, &w.view, 10, 12, into)
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, w.ReadEntry(10, into), ErrClosed)
}

// wildEntry panics at index 5, and reads the entry at 8 with another index.
type wildEntry struct{ customEntry }

func (e *wildEntry) Unmarshal(data []byte) error {
	var c customEntry
	if err := c.Unmarshal(data); err != nil {
		return err
	}
	switch c.Index {
	case 5:
		panic("five")
	case 8:
		c.Index = 9
	}
	e.customEntry = c
	return nil
}

func TestReadInto_ATypeThatPanicsOrLiesEndsTheReadingThere(t *testing.T) {
	w, _ := newLog(t, WithRegistry(customRegistry()))
	for i := uint64(1); i <= 12; i++ {
		require.NoError(t, w.SaveEntry([]log.LogEntry{&customEntry{Index: i, Value: "v"}}))
	}
	got, err := collectInto(t, &w.view, 1, 13, new(wildEntry))
	require.ErrorIs(t, err, ErrDecode)
	require.ErrorContains(t, err, "panics: five")
	require.Len(t, got, 4)
	require.ErrorIs(t, w.ReadEntry(8, new(wildEntry)), ErrDecode)
	require.NoError(t, w.ReadEntry(9, new(wildEntry)))
}

func TestReadInto_AnIterationEndsWhereTheLogWasReplaced(t *testing.T) {
	w, _ := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 100)))
	next, stop := iter.Pull2(w.ReadEntries(1, 101, new(walpb.Entry)))
	defer stop()
	for want := uint64(1); want <= 30; want++ {
		i, err, ok := next()
		require.True(t, ok)
		require.NoError(t, err)
		require.Equal(t, want, i)
	}
	require.NoError(t, w.SaveEntry(entries(31, 31)))
	_, err, ok := next()
	require.True(t, ok)
	require.ErrorIs(t, err, ErrOverwritten)
	_, _, ok = next()
	require.False(t, ok)
}

func TestReadInto_AllocatesNothingForAnEntry(t *testing.T) {
	w, _ := newLog(t, WithSegmentSize(1<<20))
	require.NoError(t, w.SaveEntry(entries(1, 1000)))
	into := new(walpb.Entry)
	allocs := testing.AllocsPerRun(10, func() {
		for _, err := range w.ReadEntries(1, 1001, into) {
			require.NoError(t, err)
		}
	})
	require.Less(t, allocs, 40.0, "for a thousand entries")
}

func TestReadInto_NothingIsLeftAfterAnError(t *testing.T) {
	w, _ := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	old := func() *walpb.Entry { return &walpb.Entry{Index: 9, Term: 9, Data: []byte("old")} }
	into := old()
	require.ErrorIs(t, w.ReadEntry(99, into), ErrNotFound)
	require.Equal(t, &walpb.Entry{}, into)
	into = old()
	for _, err := range w.ReadEntries(99, 100, into) {
		require.ErrorIs(t, err, ErrNotFound)
	}
	require.Equal(t, &walpb.Entry{}, into)

	registry := log.NewRegistry()
	registry.Register(log.EntryType, &log.JSON[string]{})
	j, _ := newLog(t, WithRegistry(registry))
	require.NoError(t, j.SaveEntry([]log.LogEntry{&log.JSON[string]{Index: 1, Value: "text"}}))
	for name, read := range map[string]func(*walpb.Entry) error{
		"one": func(e *walpb.Entry) error { return j.ReadEntry(1, e) },
		"all": func(e *walpb.Entry) (err error) {
			for _, err = range j.ReadEntries(1, 2, e) {
			}
			return err
		},
	} {
		into = old()
		require.ErrorIs(t, read(into), ErrDecode, name)
		require.Empty(t, into.Data, name)
		require.Zero(t, into.Index, name)
	}
}
