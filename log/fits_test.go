package log

import (
	"encoding"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/walpb"
)

// These types do not fit. Each has the two methods of RecordData: otherwise it would not compile.

type bare struct{}

func (*bare) Marshal() ([]byte, error) { return nil, nil }
func (*bare) Unmarshal([]byte) error   { return nil }

type wrongSignatures struct{ bare }

func (*wrongSignatures) GetIndex() int64        { return 0 }
func (*wrongSignatures) Size(bool) (int, error) { return 0, nil }
func (*wrongSignatures) GetCommitted() uint64   { return 0 }
func (*wrongSignatures) Reset() error           { return nil }

// halfByValue has value receivers only for the methods of RecordData.
type halfByValue struct{}

func (halfByValue) Marshal() ([]byte, error) { return nil, nil }
func (halfByValue) Unmarshal([]byte) error   { return nil }
func (*halfByValue) GetIndex() uint64        { return 0 }
func (*halfByValue) Size() int               { return 0 }

type byValue struct{ n uint64 }

func (byValue) Marshal() ([]byte, error) { return nil, nil }
func (byValue) Unmarshal([]byte) error   { return nil }
func (v byValue) GetIndex() uint64       { return v.n }
func (v byValue) GetCommitted() uint64   { return v.n }
func (byValue) Size() int                { return 0 }
func (byValue) Reset()                   {}

type number uint64

func (number) Marshal() ([]byte, error) { return nil, nil }
func (number) Unmarshal([]byte) error   { return nil }
func (n number) GetIndex() uint64       { return uint64(n) }

// hollow decodes into a pointer that is nil in every new record.
type hollow struct{ *command }

// filled is hollow with an Unmarshal of its own that fills it.
type filled struct{ *command }

func (f *filled) Unmarshal(b []byte) error {
	f.command = new(command)
	return f.command.Unmarshal(b)
}

// nested embeds by value, so its Unmarshal still reaches the original.
type nested struct{ command }

func TestRegisterPanicsSayingWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name      string
		rt        RecordType
		prototype RecordData
		says      string
	}{
		{"nothing", EntryType, nil,
			"log: Register(EntryType, nil): the prototype is nil; pass a pointer to a record, such as " +
				"new(T)"},
		{"metadata", MetadataType, &walpb.Entry{},
			"log: Register(MetadataType, *walpb.Entry): metadata records are the log's own; only " +
				"entries, states and snapshots can be registered"},
		{"crc", CrcType, &walpb.Entry{},
			"log: Register(CrcType, *walpb.Entry): crc records are the log's own; only entries, states " +
				"and snapshots can be registered"},
		{"unknown kind", 9, &walpb.Entry{},
			"log: Register(RecordType(9), *walpb.Entry): there is no such record type; use EntryType, " +
				"StateType or SnapshotType"},
		{"kind below all", -1, nil,
			"log: Register(RecordType(-1), nil): there is no such record type; use EntryType, StateType " +
				"or SnapshotType"},
		{"entry without methods", EntryType, &bare{},
			"log: Register(EntryType, *log.bare): missing methods GetIndex() uint64, Size() int"},
		{"state without methods", StateType, &bare{},
			"log: Register(StateType, *log.bare): missing methods GetCommitted() uint64, Reset()"},
		{"snapshot without method", SnapshotType, &bare{},
			"log: Register(SnapshotType, *log.bare): missing method GetIndex() uint64"},
		{"state as an entry", EntryType, &walpb.HardState{},
			"log: Register(EntryType, *walpb.HardState): missing method GetIndex() uint64"},
		{"wrong signatures of an entry", EntryType, &wrongSignatures{},
			"log: Register(EntryType, *log.wrongSignatures): method GetIndex() int64 should be " +
				"GetIndex() uint64; method Size(bool) (int, error) should be Size() int"},
		{"wrong signature of a state", StateType, &wrongSignatures{},
			"log: Register(StateType, *log.wrongSignatures): method Reset() error should be Reset()"},
		{"value whose pointer has the methods", EntryType, halfByValue{},
			"log: Register(EntryType, log.halfByValue): missing methods GetIndex() uint64, Size() int; " +
				"*log.halfByValue has all methods: pass a pointer"},
		{"value that is decoded into a copy", EntryType, byValue{},
			"log: Register(EntryType, log.byValue): what Unmarshal decodes would be lost, as it works on " +
				"a copy of a new log.byValue; declare it on *log.byValue and pass a pointer"},
		{"pointer that is decoded into a copy", StateType, &byValue{},
			"log: Register(StateType, *log.byValue): what Unmarshal decodes would be lost, as it works " +
				"on a copy of a new log.byValue; declare it on *log.byValue and pass a pointer"},
		{"number that is decoded into a copy", SnapshotType, number(1),
			"log: Register(SnapshotType, log.number): what Unmarshal decodes would be lost, as it works " +
				"on a copy of a new log.number; declare it on *log.number and pass a pointer"},
		{"decoded into a pointer that is nil", EntryType, hollow{&command{}},
			"log: Register(EntryType, log.hollow): what Unmarshal decodes would be lost, as it works on " +
				"a copy of a new log.hollow; declare it on *log.hollow and pass a pointer"},
		{"decoded into a pointer that is nil, behind a pointer", EntryType, &hollow{&command{}},
			"log: Register(EntryType, *log.hollow): what Unmarshal decodes would be lost, as it works on " +
				"a copy of a new log.hollow; declare it on *log.hollow and pass a pointer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewRegistry()
			require.PanicsWithValue(t, tt.says, func() { r.Register(tt.rt, tt.prototype) })
			require.Equal(t, &walpb.Entry{}, r.NewEntry())
			require.Equal(t, &walpb.HardState{}, r.NewState())
			require.Equal(t, &walpb.Snapshot{}, r.NewSnapshot())
		})
	}
}

func TestRegisterRecordPanicsUnderItsOwnName(t *testing.T) {
	require.PanicsWithValue(t,
		"log: RegisterRecord(EntryType, *log.bare): missing methods GetIndex() uint64, Size() int",
		func() { RegisterRecord(EntryType, &bare{}) })
	require.Equal(t, &walpb.Entry{}, DefaultRegistry().NewEntry())
}

func TestTypesThatLookLossyButAreNotAreAccepted(t *testing.T) {
	for _, prototype := range []RecordData{&filled{}, &nested{}, settings{}, &settings{}} {
		r := NewRegistry()
		require.NotPanics(t, func() { r.Register(EntryType, prototype) })
		entry := r.NewEntry()
		require.IsType(t, prototype, entry)
		require.NoError(t, entry.Unmarshal([]byte("index=7")))
		require.Equal(t, uint64(7), entry.GetIndex())
	}
}

// A panic names the methods of these lists that are missing. If a list lacked a method, the panic
// would not name it.
func TestListedMethodsAreThoseOfTheInterfaces(t *testing.T) {
	for want, listed := range map[reflect.Type][]method{
		reflect.TypeFor[LogEntry]():  entryMethods,
		reflect.TypeFor[HardState](): stateMethods,
		reflect.TypeFor[Snapshot]():  snapshotMethods,
	} {
		names := []string{"Marshal() ([]uint8, error)", "Unmarshal([]uint8) error"}
		for _, m := range listed {
			names = append(names, m.signature)
			require.True(t, want.Implements(m.alone), m.signature)
			found, ok := m.find(want)
			require.True(t, ok, m.signature)
			require.Equal(t, m.signature, found.Name+found.Type.String()[len("func"):])
		}
		var methods []string
		for i := range want.NumMethod() {
			methods = append(methods, want.Method(i).Name+want.Method(i).Type.String()[len("func"):])
		}
		require.ElementsMatch(t, methods, names)
	}
}

func TestDefaultTypesHaveTheOptionalMethods(t *testing.T) {
	for _, record := range []RecordData{&walpb.Entry{}, &walpb.HardState{}, &walpb.Snapshot{}} {
		require.Implements(t, (*encoding.BinaryAppender)(nil), record)
	}
	require.Implements(t, (*EmptyState)(nil), &walpb.HardState{})
	require.Implements(t, (*TermedSnapshot)(nil), &walpb.Snapshot{})
}

func TestRecordTypeString(t *testing.T) {
	for rt, want := range map[RecordType]string{
		MetadataType: "metadata", EntryType: "entry", StateType: "state", CrcType: "crc",
		SnapshotType: "snapshot",
		0:            "RecordType(0)", 6: "RecordType(6)", -1: "RecordType(-1)",
	} {
		require.Equal(t, want, rt.String())
	}
}

func TestRecordTypesAreThoseOfTheFormat(t *testing.T) {
	require.Equal(t, []RecordType{1, 2, 3, 4, 5},
		[]RecordType{MetadataType, EntryType, StateType, CrcType, SnapshotType})
}
