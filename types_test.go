package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// rawEntry is an index and a payload. It has no AppendBinary.
type rawEntry struct {
	Index   uint64
	Payload []byte
	size    int // what Size says
}

func (e *rawEntry) Marshal() ([]byte, error) {
	return append(binary.LittleEndian.AppendUint64(nil, e.Index), e.Payload...), nil
}

func (e *rawEntry) Unmarshal(data []byte) error {
	if len(data) < 8 {
		return errors.New("too short")
	}
	e.Index, e.Payload = binary.LittleEndian.Uint64(data), append([]byte{}, data[8:]...)
	return nil
}
func (e *rawEntry) GetIndex() uint64 { return e.Index }
func (e *rawEntry) Size() int        { return e.size }

// appender is a rawEntry that appends in a way of its own, within or against the contract.
type appender struct {
	rawEntry
	how func(e *appender, b []byte) ([]byte, error)
}

func (e *appender) AppendBinary(b []byte) ([]byte, error) { return e.how(e, b) }

func TestTypes_EveryWayToAppendAndEverySizeHintSavesTheSame(t *testing.T) {
	properly := func(e *appender, b []byte) ([]byte, error) {
		return append(binary.LittleEndian.AppendUint64(b, e.Index), e.Payload...), nil
	}
	ways := map[string]func(e *appender, b []byte) ([]byte, error){
		"properly":        properly,
		"a foreign slice": func(e *appender, _ []byte) ([]byte, error) { return e.Marshal() },
		"in pieces":       inPieces,
		"scribbles behind": func(e *appender, b []byte) ([]byte, error) {
			fill(b[:cap(b)], 0xFF)
			return properly(e, b)
		},
		"with a small copy": func(e *appender, b []byte) ([]byte, error) { return properly(e, b[:0:0]) },
	}
	for name, how := range ways {
		for _, hint := range []int{0, 1, 8, -1, math.MinInt, 64, 1 << 16} {
			t.Run(fmt.Sprintf("%s, hint %d", name, hint), func(t *testing.T) {
				reg := log.NewRegistry()
				reg.Register(log.EntryType, &rawEntry{})
				w, _ := newLog(t, WithRegistry(reg))
				var want []log.LogEntry
				for i, size := range []int{0, 1, 7, 8, 120, 121, 200, 2000, 20_000} {
					e := rawEntry{Index: uint64(i + 1), Payload: bytes.Repeat([]byte{byte(i), 0x80}, size)[:size],
						size: hint}
					if hint == 64 {
						e.size = size + 8
					}
					stored := e
					stored.size = 0
					want = append(want, &stored)
					// Each beside another, so that one cannot spoil the other.
					require.NoError(t, w.SaveEntry([]log.LogEntry{&appender{e, how}}))
				}
				_, ents := contentsOf(t, w)
				require.Equal(t, want, ents)
				var batch []log.LogEntry
				for _, e := range want {
					batch = append(batch, &appender{*e.(*rawEntry), how})
				}
				require.NoError(t, w.SaveEntry(batch))
				w = reopen(t, w, nil, WithRegistry(reg))
				_, ents = contentsOf(t, w)
				require.Equal(t, want, ents)
			})
		}
	}
}

func inPieces(e *appender, b []byte) ([]byte, error) {
	data, _ := e.Marshal()
	b = append(b, data[:3]...)
	return append(b, data[3:]...), nil
}

func fill(b []byte, c byte) {
	for i := range b {
		b[i] = c
	}
}

// A hint that nobody could satisfy is not taken at its word.
func TestTypes_AWrongSizeHintTakesNoHugeMemory(t *testing.T) {
	reg := log.NewRegistry()
	reg.Register(log.EntryType, &rawEntry{})
	w, _ := newLog(t, WithRegistry(reg))
	used := allocated(func() {
		var batch []log.LogEntry
		for i := uint64(1); i <= 10; i++ {
			batch = append(batch, &appender{rawEntry{Index: i, size: math.MaxInt}, inPieces})
		}
		require.NoError(t, w.SaveEntry(batch))
	})
	require.Less(t, used, uint64(200<<20))
	require.NoError(t, w.SaveEntry([]log.LogEntry{&rawEntry{Index: 11, size: math.MaxInt}}))
	require.LessOrEqual(t, cap(w.open.enc.buf), maxKeptBuffer)
	w = reopen(t, w, nil, WithRegistry(reg))
	require.EqualValues(t, 11, w.LastIndex())
}

// badRecord fails to be encoded, as an entry, a state and a snapshot.
type badRecord struct {
	touchyData
	index uint64
	fail  func() error
}

func (r *badRecord) Marshal() ([]byte, error) { return []byte("x"), r.fail() }
func (r *badRecord) GetIndex() uint64         { return r.index }
func (r *badRecord) GetCommitted() uint64     { return 0 }
func (r *badRecord) Reset()                   {}
func (r *badRecord) Size() int                { return 1 }

// badAppender fails in the middle of appending.
type badAppender struct{ badRecord }

func (r *badAppender) AppendBinary(b []byte) ([]byte, error) {
	return append(b, "half of it"...), r.fail()
}

func TestTypes_AMarshalThatFailsInTheMiddleOfASaveLeavesTheLogAsItWas(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1}, entries(1, 2)))
	before, tail, stats := files(t, dir), tailOf(w), w.Stats()
	for name, fail := range map[string]func() error{
		"error":            func() error { return errTouchy },
		"panic":            func() error { panic("in Marshal") },
		"panic with error": func() error { panic(errTouchy) },
	} {
		marshals := badRecord{index: 4, fail: fail}
		appends := badAppender{marshals}
		for what, save := range map[string]func() error{
			"entry": func() error {
				return w.SaveEntry([]log.LogEntry{entry(1, 3, "x"), &marshals, entry(1, 5, "x")})
			},
			"appended entry": func() error {
				return w.SaveEntry([]log.LogEntry{entry(1, 3, "x"), &appends})
			},
			"state":             func() error { return w.Save(&marshals, entries(3, 4)) },
			"appended state":    func() error { return w.Save(&appends, entries(3, 4)) },
			"snapshot":          func() error { return w.SaveSnap(&marshals) },
			"appended snapshot": func() error { return w.SaveSnap(&appends) },
		} {
			err := save()
			require.ErrorIs(t, err, ErrEncode, "%s, %s", what, name)
			require.NotErrorIs(t, err, ErrFailed)
			if name == "error" {
				require.ErrorIs(t, err, errTouchy)
			}
			require.Equal(t, before, files(t, dir), "%s, %s", what, name)
			require.Equal(t, tail, tailOf(w))
			require.Equal(t, stats, w.Stats())
		}
	}
	require.NoError(t, w.SaveEntry(entries(3, 5)))
	w = reopen(t, w, nil)
	st, ents := contentsOf(t, w)
	require.Equal(t, &walpb.HardState{Term: 1}, st)
	require.Equal(t, entries(1, 5), ents)
}

func TestTypes_LogsWithDifferentOnesAtTheSameTime(t *testing.T) {
	raw := log.NewRegistry()
	raw.Register(log.EntryType, &rawEntry{})
	regs := []*log.Registry{nil, customRegistry(), raw}
	build := []func(i uint64) log.LogEntry{
		func(i uint64) log.LogEntry { return entry(1, i, "default") },
		func(i uint64) log.LogEntry { return &customEntry{Index: i, Value: "custom"} },
		func(i uint64) log.LogEntry { return &rawEntry{Index: i, Payload: []byte("raw")} },
	}
	var wg sync.WaitGroup
	for k, reg := range regs {
		w, dir := newLog(t, WithRegistry(reg), WithNoSync())
		wg.Go(func() {
			var want []log.LogEntry
			for i := uint64(1); i <= 150; i++ {
				want = append(want, build[k](i))
				if err := w.SaveEntry(want[i-1:]); err != nil {
					t.Error(err)
					return
				}
				if i%50 == 0 {
					_, _, ents, err := w.ReadAll()
					if err != nil || len(ents) != len(want) {
						t.Errorf("%d entries of %d: %v", len(ents), len(want), err)
					}
				}
			}
			r, err := OpenForRead(nil, dir, nil, WithRegistry(reg))
			if err != nil {
				t.Error(err)
				return
			}
			_, _, ents, err := r.ReadAll()
			if err != nil || !equalEntries(want, ents) {
				t.Errorf("log %d reads back other entries: %v", k, err)
			}
		})
	}
	wg.Wait()
}

// equalEntries compares by encoding, for goroutines that must not stop the test.
func equalEntries(a, b []log.LogEntry) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, errx := a[i].Marshal()
		y, erry := b[i].Marshal()
		if errx != nil || erry != nil || !bytes.Equal(x, y) ||
			fmt.Sprintf("%T", a[i]) != fmt.Sprintf("%T", b[i]) {
			return false
		}
	}
	return true
}

func TestTypes_ALogKeepsThoseThatItWasOpenedWith(t *testing.T) {
	reg := customRegistry()
	w, dir := newLog(t, WithRegistry(reg))
	want := []log.LogEntry{&customEntry{Index: 1, Value: "a"}}
	require.NoError(t, w.SaveEntry(want))
	reg.Register(log.EntryType, &rawEntry{})
	_, ents := contentsOf(t, w)
	require.Equal(t, want, ents)
	require.NoError(t, w.Close())
	require.Equal(t, want, readAll(t, dir, nil, WithRegistry(customRegistry())))
	_, err := Open(nil, dir, nil)
	require.ErrorIs(t, err, ErrDecode, "the default type is not what was written")
}

func TestTypes_EmptyPayloadsAndNilPayloadsAreKeptApart(t *testing.T) {
	w, _ := newLog(t)
	want := []log.LogEntry{
		&walpb.Entry{Index: 1},
		&walpb.Entry{Index: 2, Data: []byte{}},
		&walpb.Entry{Index: 3, Data: []byte{0}},
		&walpb.Entry{Index: 4, Data: make([]byte, 600)}, // whole sectors of zeros
	}
	require.NoError(t, w.SaveEntry(want))
	crash(w)
	require.Equal(t, want, readAll(t, w.dir.Path(), nil))

	// A record without any bytes: nil data and empty data.
	reg := log.NewRegistry()
	reg.Register(log.StateType, &touchyState{})
	for _, data := range [][]byte{nil, {}} {
		w, _ := newLog(t, WithRegistry(reg))
		require.NoError(t, w.SaveState(&touchyState{touchyData{data}}))
		forceCut(t, w)
		w = reopen(t, w, nil, WithRegistry(reg))
		require.Empty(t, w.State().(*touchyState).Data)
	}
}
