package log

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/walpb"
)

// command is a record with pointer receivers, usable as any of the three kinds.
type command struct{ text string }

func (c *command) Marshal() ([]byte, error)    { return []byte(c.text), nil }
func (c *command) Unmarshal(data []byte) error { c.text = string(data); return nil }
func (c *command) GetIndex() uint64            { return uint64(len(c.text)) }
func (c *command) GetCommitted() uint64        { return uint64(len(c.text)) }
func (c *command) Size() int                   { return len(c.text) }
func (c *command) Reset()                      { c.text = "" }

// settings is a record that is a map, with value receivers.
type settings map[string]string

func (s settings) Marshal() ([]byte, error) {
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(s)) {
		lines = append(lines, k+"="+s[k])
	}
	return []byte(strings.Join(lines, "\n")), nil
}

func (s settings) Unmarshal(data []byte) error {
	clear(s)
	for line := range strings.SplitSeq(string(data), "\n") {
		k, v, _ := strings.Cut(line, "=")
		s[k] = v
	}
	return nil
}

func (s settings) GetIndex() uint64 {
	i, _ := strconv.ParseUint(s["index"], 10, 64)
	return i
}

func (s settings) GetCommitted() uint64 { return s.GetIndex() }
func (s settings) Size() int            { return 16 * len(s) }
func (s settings) Reset()               { clear(s) }

// origin is a snapshot without content.
type origin struct{}

func (origin) Marshal() ([]byte, error) { return nil, nil }
func (origin) Unmarshal([]byte) error   { return nil }
func (origin) GetIndex() uint64         { return 0 }

func TestRegistryStartsWithTheDefaultTypes(t *testing.T) {
	for name, r := range map[string]*Registry{"new": NewRegistry(), "zero": {},
		"clone": NewRegistry().Clone()} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, &walpb.Entry{}, r.NewEntry())
			require.Equal(t, &walpb.HardState{}, r.NewState())
			require.Equal(t, &walpb.Snapshot{}, r.NewSnapshot())
		})
	}
}

func TestRegisteredTypeIsUsedForItsKindAlone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		rt     RecordType
		change func(entry, state, snapshot *RecordData)
	}{
		{"entry", EntryType, func(e, _, _ *RecordData) { *e = &command{} }},
		{"state", StateType, func(_, s, _ *RecordData) { *s = &command{} }},
		{"snapshot", SnapshotType, func(_, _, s *RecordData) { *s = &command{} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewRegistry()
			r.Register(tt.rt, &command{})
			var entry, state, snapshot RecordData = &walpb.Entry{}, &walpb.HardState{}, &walpb.Snapshot{}
			tt.change(&entry, &state, &snapshot)
			require.Equal(t, entry, r.NewEntry())
			require.Equal(t, state, r.NewState())
			require.Equal(t, snapshot, r.NewSnapshot())
		})
	}
}

func TestEveryKindOfPrototypeMakesRecordsThatCanBeDecodedInto(t *testing.T) {
	pointerToMap := func(s settings) *settings { return &s }
	for _, tt := range []struct {
		name      string
		prototype RecordData
		data      string
		want      RecordData
	}{
		{"pointer", &command{"what a prototype holds is not used"}, "x", &command{"x"}},
		{"nil pointer", (*command)(nil), "x", &command{"x"}},
		{"map", settings{"left": "over"}, "a=b", settings{"a": "b"}},
		{"nil map", settings(nil), "a=b", settings{"a": "b"}},
		{"pointer to a map", &settings{"left": "over"}, "a=b", pointerToMap(settings{"a": "b"})},
		{"nil pointer to a map", (*settings)(nil), "a=b", pointerToMap(settings{"a": "b"})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewRegistry()
			for _, rt := range []RecordType{EntryType, StateType, SnapshotType} {
				r.Register(rt, tt.prototype)
			}
			for _, create := range []func() RecordData{
				func() RecordData { return r.NewEntry() },
				func() RecordData { return r.NewState() },
				func() RecordData { return r.NewSnapshot() },
			} {
				other, record := create(), create()
				require.NoError(t, record.Unmarshal([]byte(tt.data)))
				require.Equal(t, tt.want, record)
				require.NotEqual(t, record, other, "two records share what they hold")
			}
		})
	}
}

func TestValueWithoutContentIsAPrototype(t *testing.T) {
	r := NewRegistry()
	r.Register(SnapshotType, origin{})
	require.Equal(t, origin{}, r.NewSnapshot())
	r.Register(SnapshotType, (*origin)(nil))
	require.Equal(t, &origin{}, r.NewSnapshot())
}

func TestLaterRegistrationReplacesTheEarlier(t *testing.T) {
	r := NewRegistry()
	r.Register(EntryType, &command{})
	r.Register(EntryType, settings{})
	require.Equal(t, settings{}, r.NewEntry())
	r.Register(EntryType, &walpb.Entry{})
	require.Equal(t, &walpb.Entry{}, r.NewEntry())
}

func TestRegistriesAreIndependent(t *testing.T) {
	a := NewRegistry()
	a.Register(EntryType, &command{})
	b := a.Clone()
	b.Register(EntryType, settings{})
	a.Register(StateType, &command{})

	require.Equal(t, &command{}, a.NewEntry())
	require.Equal(t, settings{}, b.NewEntry())
	require.Equal(t, &command{}, a.NewState())
	require.Equal(t, &walpb.HardState{}, b.NewState())
	require.Equal(t, &walpb.Entry{}, NewRegistry().NewEntry())
}

func TestRegisterRecordRegistersInTheDefaultRegistry(t *testing.T) {
	t.Cleanup(func() { RegisterRecord(EntryType, &walpb.Entry{}) })
	require.Equal(t, &walpb.Entry{}, DefaultRegistry().NewEntry())
	RegisterRecord(EntryType, &command{})
	require.Equal(t, &command{}, DefaultRegistry().NewEntry())
	require.Equal(t, &walpb.Entry{}, NewRegistry().NewEntry(),
		"a new registry holds the defaults, not what was registered elsewhere")
}

func TestNewRecordTakesOneAllocation(t *testing.T) {
	custom := NewRegistry()
	for _, rt := range []RecordType{EntryType, StateType, SnapshotType} {
		custom.Register(rt, &command{})
	}
	for name, r := range map[string]*Registry{"default": NewRegistry(), "custom": custom} {
		for kind, create := range map[string]func(){
			"entry":    func() { r.NewEntry() },
			"state":    func() { r.NewState() },
			"snapshot": func() { r.NewSnapshot() },
		} {
			require.LessOrEqual(t, testing.AllocsPerRun(100, create), 1.0, "%s %s", name, kind)
		}
	}
}

func TestRegistryIsSafeForConcurrentUse(t *testing.T) {
	r := NewRegistry()
	var wg sync.WaitGroup
	for _, work := range []func(){
		func() { r.Register(EntryType, &command{}) },
		func() { r.Register(EntryType, settings{}) },
		func() { r.Register(SnapshotType, &command{}) },
		func() { _ = r.NewEntry().Unmarshal([]byte("index=1")) },
		func() { _ = r.NewSnapshot().Unmarshal(nil) },
		func() { r.NewState().Reset() },
		func() { r.Clone().Register(StateType, &command{}) },
	} {
		wg.Go(func() {
			for range 200 {
				work()
			}
		})
	}
	wg.Wait()
	require.Contains(t, []string{"*log.command", "log.settings"}, fmt.Sprintf("%T", r.NewEntry()))
	require.Equal(t, &walpb.HardState{}, r.NewState(), "a clone's registration reached the original")
}
