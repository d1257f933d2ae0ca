package wal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// Types whose Marshal leaves something out, as encoding/json does with an unexported field.

type hiddenEntry struct {
	index uint64
	Value string
}

func (e *hiddenEntry) Marshal() ([]byte, error) { return json.Marshal(e) }
func (e *hiddenEntry) Unmarshal(data []byte) error {
	*e = hiddenEntry{}
	return json.Unmarshal(data, e)
}
func (e *hiddenEntry) GetIndex() uint64 { return e.index }
func (e *hiddenEntry) Size() int        { return len(e.Value) }

type hiddenState struct {
	committed uint64
	Name      string
}

func (s *hiddenState) Marshal() ([]byte, error)    { return json.Marshal(s) }
func (s *hiddenState) Unmarshal(data []byte) error { return json.Unmarshal(data, s) }
func (s *hiddenState) GetCommitted() uint64        { return s.committed }
func (s *hiddenState) Reset()                      { *s = hiddenState{} }

type hiddenSnapshot struct {
	index uint64
	Name  string
}

func (s *hiddenSnapshot) Marshal() ([]byte, error)    { return json.Marshal(s) }
func (s *hiddenSnapshot) Unmarshal(data []byte) error { return json.Unmarshal(data, s) }
func (s *hiddenSnapshot) GetIndex() uint64            { return s.index }

// termless is a snapshot whose index is stored and whose term is not.
type termless struct {
	Index uint64
	term  uint64
}

func (s *termless) Marshal() ([]byte, error)    { return json.Marshal(s) }
func (s *termless) Unmarshal(data []byte) error { return json.Unmarshal(data, s) }
func (s *termless) GetIndex() uint64            { return s.Index }
func (s *termless) GetTerm() uint64             { return s.term }

func registryOf(records map[log.RecordType]log.RecordData) *log.Registry {
	reg := log.NewRegistry()
	for kind, rec := range records {
		reg.Register(kind, rec)
	}
	return reg
}

// A record that the registry cannot read back, or not with its index, is never acknowledged: the
// log would not open any more.
func TestTrial_WhatCannotBeReadBackIsRefusedWhenItIsSaved(t *testing.T) {
	for name, tt := range map[string]struct {
		registered map[log.RecordType]log.RecordData
		save       func(*WAL) error
		says       []string
	}{
		"an entry without its index": {
			map[log.RecordType]log.RecordData{log.EntryType: &hiddenEntry{}},
			func(w *WAL) error { return w.SaveEntry([]log.LogEntry{&hiddenEntry{index: 1}}) },
			[]string{"*wal.hiddenEntry", "index 1", "index 0"},
		},
		"a state without its commit index": {
			map[log.RecordType]log.RecordData{log.StateType: &hiddenState{}},
			func(w *WAL) error { return w.SaveState(&hiddenState{committed: 7}) },
			[]string{"*wal.hiddenState", "commit index 7", "commit index 0"},
		},
		"a snapshot without its index": {
			map[log.RecordType]log.RecordData{log.SnapshotType: &hiddenSnapshot{}},
			func(w *WAL) error { return w.SaveSnap(&hiddenSnapshot{index: 9}) },
			[]string{"*wal.hiddenSnapshot", "index 9", "index 0"},
		},
		"a snapshot without its term": {
			map[log.RecordType]log.RecordData{log.SnapshotType: &termless{}},
			func(w *WAL) error { return w.SaveSnap(&termless{Index: 9, term: 3}) },
			[]string{"*wal.termless", "term comes back as 0"},
		},
		"an entry of another type": {
			nil,
			func(w *WAL) error { return w.SaveEntry([]log.LogEntry{&customEntry{Index: 1, Value: "x"}}) },
			[]string{"*wal.customEntry", "*walpb.Entry"},
		},
		"a default entry where another one is registered": {
			map[log.RecordType]log.RecordData{log.EntryType: &customEntry{}},
			func(w *WAL) error { return w.SaveEntry(entries(1, 1)) },
			[]string{"*walpb.Entry", "*wal.customEntry"},
		},
		"a state of another type": {
			map[log.RecordType]log.RecordData{log.StateType: &hiddenState{}},
			func(w *WAL) error { return w.SaveState(&walpb.HardState{Term: 3, Vote: 2, Commit: 1}) },
			[]string{"*walpb.HardState", "*wal.hiddenState"},
		},
		"a snapshot of another type": {
			map[log.RecordType]log.RecordData{log.SnapshotType: &hiddenSnapshot{}},
			func(w *WAL) error { return w.SaveSnap(at(1)) },
			[]string{"*walpb.Snapshot", "*wal.hiddenSnapshot"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			opts := []Option{WithRegistry(registryOf(tt.registered))}
			w, dir := newLog(t, opts...)
			before := tailOf(w)
			for range 5 { // a type that failed is never taken on trust
				err := tt.save(w)
				require.ErrorIs(t, err, ErrEncode)
				for _, text := range tt.says {
					require.ErrorContains(t, err, text)
				}
			}
			require.NotErrorIs(t, tt.save(w), ErrCorrupt)
			require.Equal(t, before, tailOf(w), "nothing is written")
			require.NoError(t, w.Close())
			openLog(t, dir, nil, opts...)
		})
	}
}

// adaptedEntry is what an adapter saves: bytes that are encoded already, as the registered type's
// are.
type adaptedEntry struct {
	index   uint64
	encoded []byte
}

func (e *adaptedEntry) Marshal() ([]byte, error) { return e.encoded, nil }
func (e *adaptedEntry) Unmarshal([]byte) error   { return errors.New("it is only saved") }
func (e *adaptedEntry) GetIndex() uint64         { return e.index }
func (e *adaptedEntry) Size() int                { return len(e.encoded) }

func TestTrial_ARecordMayBeSavedAsAnotherTypeThanItIsReadAs(t *testing.T) {
	w, _ := newLog(t)
	for i := uint64(1); i <= 50; i++ {
		data, err := entries(i, i)[0].Marshal()
		require.NoError(t, err)
		ent := log.LogEntry(&adaptedEntry{i, data})
		if i%3 == 0 { // both types in turns
			ent = entries(i, i)[0]
		}
		require.NoError(t, w.SaveEntry([]log.LogEntry{ent}))
	}
	_, ents := contentsOf(t, reopen(t, w, nil))
	require.Equal(t, entries(1, 50), ents)
}

// A state or snapshot with index 0 proves nothing of its type's index: the first one above 0 is
// tried, too.
func TestTrial_AnIndexOfZeroIsNone(t *testing.T) {
	w, _ := newLog(t, WithRegistry(registryOf(map[log.RecordType]log.RecordData{
		log.StateType: &hiddenState{}, log.SnapshotType: &hiddenSnapshot{},
	})))
	for range 10 { // so that the one above 0 is none of those that are tried by their number
		require.NoError(t, w.SaveState(&hiddenState{}))
		require.NoError(t, w.SaveSnap(&hiddenSnapshot{}))
	}
	require.ErrorIs(t, w.SaveState(&hiddenState{committed: 3}), ErrEncode)
	require.ErrorIs(t, w.SaveSnap(&hiddenSnapshot{index: 3}), ErrEncode)
}

// fickleEntry has a ReadIndex, and encodes one index wrongly.
type fickleEntry struct{ Index uint64 }

const fickleIndex = 21 // neither the first one nor a power of two

func (e *fickleEntry) Marshal() ([]byte, error) {
	i := e.Index
	if i == fickleIndex {
		i++
	}
	return binary.BigEndian.AppendUint64(nil, i), nil
}
func (e *fickleEntry) Unmarshal(data []byte) error {
	i, err := e.ReadIndex(data)
	e.Index = i
	return err
}
func (e *fickleEntry) ReadIndex(data []byte) (uint64, error) {
	if len(data) != 8 {
		return 0, errTrouble
	}
	return binary.BigEndian.Uint64(data), nil
}
func (e *fickleEntry) GetIndex() uint64 { return e.Index }
func (e *fickleEntry) Size() int        { return 8 }

func TestTrial_TheIndexOfEveryEntryIsCheckedWhereThatIsCheap(t *testing.T) {
	w, _ := newLog(t, WithRegistry(
		registryOf(map[log.RecordType]log.RecordData{log.EntryType: &fickleEntry{}})))
	for i := uint64(1); i < fickleIndex; i++ {
		require.NoError(t, w.SaveEntry([]log.LogEntry{&fickleEntry{i}}))
	}
	require.ErrorIs(t, w.SaveEntry([]log.LogEntry{&fickleEntry{fickleIndex}}), ErrEncode)
	require.EqualValues(t, fickleIndex-1, w.LastIndex())
}

// Without a cheap way to the index, records are tried the rarer the more of them went well.
func TestTrial_LaterRecordsOfATypeAreTriedToo(t *testing.T) {
	types := codec.NewSavedTypes(customRegistry())
	right, wrong := []byte(`{"Index":5}`), []byte(`{"Index":6}`)
	kind := types.Of(log.EntryType, &customEntry{})
	tried := 0
	for range 1000 {
		if types.Check(kind, &customEntry{Index: 5}, wrong, 5) != nil {
			tried++
		} else {
			kind.Passed-- // it was not looked at
		}
		require.NoError(t, types.Check(kind, &customEntry{Index: 5}, right, 5))
	}
	require.Equal(t, 10, tried, "1, 2, 4 … 512")
}

// emptyless is a snapshot that has no empty encoding, which every log begins with.
type emptyless struct{ hiddenSnapshot }

func (s *emptyless) Unmarshal(data []byte) error { return errTrouble }

func TestTrial_CreateRefusesASnapshotTypeThatCannotReadAnEmptyOne(t *testing.T) {
	dir := t.TempDir()
	_, err := Create(nil, dir, nil,
		WithRegistry(registryOf(map[log.RecordType]log.RecordData{log.SnapshotType: &emptyless{}})))
	require.ErrorIs(t, err, ErrEncode)
	require.ErrorIs(t, err, errTrouble)
	require.False(t, Exist(dir))
}

// What is saved cannot be decoded for a while.
func TestTrial_AStateThatCannotBeDecodedIsNilAndNeverEmpty(t *testing.T) {
	defer currentTrouble.Store(nil)
	l := newWildLog(t, newWildTypes(false))
	defer l.w.Close()
	for method, get := range map[string]func() any{
		"State.Unmarshal":    func() any { return l.w.State() },
		"Snapshot.Unmarshal": func() any { return l.w.Snapshot() },
	} {
		for _, how := range []string{fails, panics} {
			currentTrouble.Store(&trouble{method: method, how: how})
			require.Nil(t, get(), method)
			currentTrouble.Store(nil)
			require.NotNil(t, get(), method)
		}
	}
}

// mapState has a field that its methods need, and that only Reset makes.
type mapState struct{ Votes map[string]uint64 }

func (s *mapState) Marshal() ([]byte, error) { return json.Marshal(s) }
func (s *mapState) Unmarshal(data []byte) error {
	var read mapState
	err := json.Unmarshal(data, &read)
	for k, v := range read.Votes {
		s.Votes[k] = v // adds to what is there: Unmarshal is to replace, but this one relies on Reset
	}
	return err
}
func (s *mapState) GetCommitted() uint64             { return s.Votes["committed"] }
func (s *mapState) Reset()                           { s.Votes = map[string]uint64{} }
func (s *mapState) MustSync(prev log.HardState) bool { return len(prev.(*mapState).Votes) != 1 }

func TestTrial_AStateIsResetBeforeItIsDecodedIntoOrHandedOut(t *testing.T) {
	opts := []Option{WithRegistry(
		registryOf(map[log.RecordType]log.RecordData{log.StateType: &mapState{}}))}
	w, dir := newLog(t, opts...)
	require.Equal(t, &mapState{Votes: map[string]uint64{}}, w.State())
	st := func(name string) *mapState { return &mapState{map[string]uint64{name: 1}} }
	require.NoError(t, w.Save(st("a"), entries(1, 1)))
	syncs := w.Stats().Syncs
	require.NoError(t, w.SaveState(st("b")))
	require.NoError(t, w.SaveState(st("c")))
	require.Equal(t, syncs, w.Stats().Syncs,
		"the state before has one vote each time, not those of all before")
	require.Equal(t, st("c"), w.State())
	require.NoError(t, w.Close())
	w = openLog(t, dir, nil, opts...)
	require.Equal(t, st("c"), w.State())
}

// emptyReader takes every encoding, and reads nothing of it.
type emptyReader struct{ customEntry }

func (e *emptyReader) Unmarshal([]byte) error { return nil }

// A log that is opened with the wrong type is not corrupt, and a repair must not cut it.
func TestTrial_AnEntryThatIsReadWithIndexZeroIsNoDamage(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 5)))
	require.NoError(t, w.Close())
	before := files(t, dir)
	reg := registryOf(map[log.RecordType]log.RecordData{log.EntryType: &emptyReader{}})
	_, err := Open(nil, dir, nil, WithRegistry(reg))
	require.ErrorIs(t, err, ErrDecode)
	require.NotErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, "*wal.emptyReader")
	_, err = Repair(nil, dir, WithRegistry(reg), WithTruncateCorruption())
	require.ErrorIs(t, err, ErrDecode)
	require.Equal(t, before, files(t, dir))
}

// scribble is a state and a snapshot whose Unmarshal writes over what it was given.
type scribble struct{ rec wildRecord }

func (s *scribble) Marshal() ([]byte, error) { return s.rec.append(nil), nil }
func (s *scribble) Unmarshal(data []byte) error {
	err := s.rec.parse(data)
	clear(data)
	return err
}
func (s *scribble) GetCommitted() uint64        { return s.rec.Index }
func (s *scribble) GetIndex() uint64            { return s.rec.Index }
func (s *scribble) Reset()                      { s.rec = wildRecord{} }
func (s *scribble) MustSync(log.HardState) bool { return true }

// The log writes states again, into each segment: a type must not get at what it keeps.
func TestTrial_ADecoderThatChangesItsInputDoesNotChangeTheLog(t *testing.T) {
	opts := []Option{WithRegistry(registryOf(map[log.RecordType]log.RecordData{
		log.StateType: &scribble{}, log.SnapshotType: &scribble{},
	}))}
	w, _ := newLog(t, opts...)
	first, second := &scribble{wildRecord{5, 1}}, &scribble{wildRecord{5, 2}}
	require.NoError(t, w.SaveState(first))
	require.NoError(t, w.Save(second, entries(1, 9)))
	require.NoError(t, w.SaveState(second)) // asks for MustSync, with a state that is decoded for it
	require.NoError(t, w.SaveSnap(first))
	for range 2 {
		for range 2 {
			require.Equal(t, second, w.State())
			require.Equal(t, first, w.Snapshot())
			_, st, _, err := w.ReadAll()
			require.NoError(t, err)
			require.Equal(t, second, st)
		}
		forceCut(t, w)
		w = reopen(t, w, first, opts...)
	}
}

// forgetfulEntry tells the index of an encoded entry, and forgets it when it decodes one.
type forgetfulEntry struct{ e walpb.Entry }

func (f *forgetfulEntry) Marshal() ([]byte, error)              { return f.e.Marshal() }
func (f *forgetfulEntry) GetIndex() uint64                      { return f.e.Index }
func (f *forgetfulEntry) Size() int                             { return f.e.Size() }
func (f *forgetfulEntry) ReadIndex(data []byte) (uint64, error) { return f.e.ReadIndex(data) }
func (f *forgetfulEntry) Unmarshal(data []byte) error {
	err := f.e.Unmarshal(data)
	f.e.Index = 0
	return err
}

// What the chain vouches for is not damaged, whatever a type makes of it.
func TestTrial_AnEntryThatIsReadWithAnotherIndexThanReadIndexSaysIsNoDamage(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry([]log.LogEntry{entry(1, 1, "a"), entry(1, 2, "b")}))
	require.NoError(t, w.Close())
	registry := log.NewRegistry()
	registry.Register(log.EntryType, &forgetfulEntry{})
	w = openLog(t, dir, nil, WithRegistry(registry))
	_, err := w.Entry(2)
	require.ErrorIs(t, err, ErrDecode)
	require.NotErrorIs(t, err, ErrCorrupt)
	_, err = w.EntriesLimit(1, 3, 1<<20)
	require.ErrorIs(t, err, ErrDecode)
	_, _, _, err = w.ReadAll()
	require.ErrorIs(t, err, ErrDecode)
	require.NotErrorIs(t, err, ErrCorrupt)
}
