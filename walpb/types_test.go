package walpb

import (
	"encoding"
	"encoding/hex"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// message has the methods that all the default record types, and ConfState, have.
type message interface {
	encoding.BinaryAppender
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
	Size() int
}

// The bytes are those that raftpb v3.7.0 and walpb v3.7.3 of etcd write.
var goldenMessages = []struct {
	name  string
	value message
	hex   string
}{
	{"empty entry", &Entry{}, "080010001800"},
	{"entry with empty data", &Entry{Data: []byte{}}, "0800100018002200"},
	{"entry", &Entry{Type: EntryConfChangeV2, Term: 3, Index: 300, Data: []byte("data")},
		"0802100318ac02220464617461"},
	{"entry of large values", &Entry{Type: -1, Term: math.MaxUint64, Index: 1 << 63},
		"08ffffffffffffffffff0110ffffffffffffffffff011880808080808080808001"},
	{"empty state", &HardState{}, "080010001800"},
	{"state", &HardState{Term: 1, Vote: 2, Commit: 300}, "0801100218ac02"},
	{"empty snapshot", &Snapshot{}, "08001000"},
	{"snapshot", &Snapshot{Index: 300, Term: 7}, "08ac021007"},
	{"snapshot with empty conf state", &Snapshot{Index: 1, Term: 1, ConfState: &ConfState{}},
		"080110011a022800"},
	{"snapshot with conf state",
		&Snapshot{Index: 1, Term: 1, ConfState: &ConfState{Voters: []uint64{1, 300}, AutoLeave: true}},
		"080110011a070801" + "08ac02" + "2801"},
	{"conf state", &ConfState{Voters: []uint64{1, 2}, Learners: []uint64{3},
		VotersOutgoing: []uint64{4, 5}, LearnersNext: []uint64{0}},
		"08010802100318041805" + "2000" + "2800"},
}

// fresh returns a message of m's type that holds other values.
func fresh(m message) message {
	switch m.(type) {
	case *Entry:
		return &Entry{Type: 9, Term: 9, Index: 9, Data: []byte("stale")}
	case *HardState:
		return &HardState{Term: 9, Vote: 9, Commit: 9}
	case *Snapshot:
		return &Snapshot{Index: 9, Term: 9, ConfState: &ConfState{Voters: []uint64{9}}}
	default:
		return &ConfState{Voters: []uint64{9}, Learners: []uint64{9}, VotersOutgoing: []uint64{9},
			LearnersNext: []uint64{9}, AutoLeave: true}
	}
}

func TestMessageHasTheBytesOfEtcds(t *testing.T) {
	for _, tt := range goldenMessages {
		t.Run(tt.name, func(t *testing.T) {
			b, err := tt.value.Marshal()
			require.NoError(t, err)
			require.Equal(t, tt.hex, hex.EncodeToString(b))
			require.Equal(t, len(b), tt.value.Size())
			b, err = tt.value.AppendBinary([]byte("before"))
			require.NoError(t, err)
			require.Equal(t, "before", string(b[:6]))
			require.Equal(t, tt.hex, hex.EncodeToString(b[6:]))
		})
	}
}

func TestUnmarshalReplacesAllOfAReusedMessage(t *testing.T) {
	for _, tt := range goldenMessages {
		t.Run(tt.name, func(t *testing.T) {
			got := fresh(tt.value)
			require.NoError(t, got.Unmarshal(unhex(t, tt.hex)))
			require.Equal(t, tt.value, got)
		})
	}
	for _, m := range []message{&Entry{}, &HardState{}, &Snapshot{}, &ConfState{}} {
		got := fresh(m)
		require.NoError(t, got.Unmarshal(nil))
		require.Equal(t, m, got, "from an encoding without fields")
	}
}

func TestUnmarshalCopiesWhatItKeeps(t *testing.T) {
	for _, tt := range goldenMessages {
		t.Run(tt.name, func(t *testing.T) {
			b := unhex(t, tt.hex)
			got := fresh(tt.value)
			require.NoError(t, got.Unmarshal(b))
			for i := range b {
				b[i] = 0xff
			}
			require.Equal(t, tt.value, got)
		})
	}
}

func TestUnmarshalReadsWhatProtobufAllows(t *testing.T) {
	for _, tt := range []struct {
		name string
		hex  string
		want message
	}{
		{"last of a repeated scalar wins", "1801" + "1802", &Entry{Index: 2}},
		{"last of repeated data wins", "220161" + "2200", &Entry{Data: []byte{}}},
		{"fields out of order", "1803" + "1002" + "0801", &HardState{Term: 1, Vote: 2, Commit: 3}},
		{"varints that are not minimal", "088100" + "108000", &Snapshot{Index: 1}},
		{"unknown varint", "0801" + "b80101", &HardState{Term: 1}},
		{"unknown fixed32", "0801" + "bd0101020304", &HardState{Term: 1}},
		{"unknown fixed64", "0801" + "b9010102030405060708", &HardState{Term: 1}},
		{"unknown bytes", "ba010161" + "0801", &HardState{Term: 1}},
		{"unknown group, in which known numbers mean nothing", "bb01" + "0805" + "bc01" + "0801",
			&HardState{Term: 1}},
		{"packed list", "0a03" + "01ac02", &ConfState{Voters: []uint64{1, 300}}},
		{"list packed and not", "0801" + "0a0102" + "0803", &ConfState{Voters: []uint64{1, 2, 3}}},
		{"empty packed list", "0a00", &ConfState{}},
		{"boolean other than 1", "2802", &ConfState{AutoLeave: true}},
		{"repeated message is merged", "1a04" + "08012801" + "1a04" + "08022800" + "0807",
			&Snapshot{Index: 7, ConfState: &ConfState{Voters: []uint64{1, 2}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := fresh(tt.want)
			require.NoError(t, got.Unmarshal(unhex(t, tt.hex)))
			require.Equal(t, tt.want, got)
		})
	}
}

func TestUnmarshalErrorSaysWhereAndLeavesTheMessageAlone(t *testing.T) {
	for _, tt := range []struct {
		name, hex string
		into      message
		says      string
	}{
		{"value missing", "08", &Entry{}, "Entry: field Type: unexpected EOF"},
		{"value cut short", "0801" + "10ff", &Entry{}, "Entry: field Term: unexpected EOF"},
		{"value that overflows", "18ffffffffffffffffff02", &Entry{}, "Entry: field Index"},
		{"length too large", "220561", &Entry{}, "Entry: field Data: unexpected EOF"},
		{"length beyond any memory", "22ffffffffffffffffff01", &Entry{}, "Entry: field Data"},
		{"wrong wire type of a number", "1a0101", &Entry{}, "Entry: field Index: wire type 2, want 0"},
		{"wrong wire type of bytes", "2001", &Entry{}, "Entry: field Data: wire type 0, want 2"},
		{"tag cut short", "0801" + "80", &HardState{}, "HardState: a field's tag: unexpected EOF"},
		{"field number 0", "0001", &HardState{}, "HardState: a field's tag"},
		{"reserved wire type", "0f", &HardState{}, "HardState: field Term: wire type 7"},
		{"reserved wire type of an unknown field", "3f", &HardState{}, "HardState: field 7"},
		{"unknown field cut short", "3a02ff", &HardState{}, "HardState: field 7: unexpected EOF"},
		{"group that does not end", "3b0801", &HardState{}, "HardState: field 7: unexpected EOF"},
		{"end of no group", "3c", &HardState{}, "HardState: field 7"},
		{"wrong wire type of a message", "1801", &Snapshot{},
			"Snapshot: field ConfState: wire type 0, want 2"},
		{"error inside a message", "1a0108", &Snapshot{},
			"Snapshot.ConfState: field Voters: unexpected EOF"},
		{"packed list cut short", "1201ff", &ConfState{}, "ConfState: field Learners: unexpected EOF"},
		{"wrong wire type of a list", "1d00000000", &ConfState{},
			"ConfState: field VotersOutgoing: wire type 5, want 0"},
		{"wrong wire type of a boolean", "2a00", &ConfState{},
			"ConfState: field AutoLeave: wire type 2, want 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := fresh(tt.into)
			err := got.Unmarshal(unhex(t, tt.hex))
			require.ErrorIs(t, err, ErrMalformed)
			require.ErrorContains(t, err, tt.says)
			require.Equal(t, fresh(tt.into), got)
		})
	}
}

func TestMessagesAppendWithoutAllocating(t *testing.T) {
	for _, tt := range goldenMessages {
		buf := make([]byte, 0, tt.value.Size())
		require.Zero(t, testing.AllocsPerRun(100, func() {
			_, _ = tt.value.AppendBinary(buf)
		}), tt.name)
	}
}

func TestEntryIsDecodedWithOneAllocation(t *testing.T) {
	b := unhex(t, "0802100318ac02220464617461")
	var e Entry
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _ = e.Unmarshal(b) }), 1.0)
}

func TestGetters(t *testing.T) {
	require.Equal(t, uint64(5), (&Entry{Index: 5, Term: 6}).GetIndex())
	require.Equal(t, uint64(6), (&Entry{Index: 5, Term: 6}).GetTerm())
	require.Equal(t, uint64(5), (&Snapshot{Index: 5, Term: 6}).GetIndex())
	require.Equal(t, uint64(6), (&Snapshot{Index: 5, Term: 6}).GetTerm())
	require.Equal(t, uint64(7), (&HardState{Commit: 7}).GetCommitted())
}

func TestStateIsEmptyOnlyWithoutAnyField(t *testing.T) {
	require.True(t, (&HardState{}).IsEmpty())
	for _, h := range []HardState{{Term: 1}, {Vote: 1}, {Commit: 1}} {
		require.False(t, h.IsEmpty())
		h.Reset()
		require.True(t, h.IsEmpty())
	}
}

func TestNilRecordsReadAsEmptyAndAreNeverWritten(t *testing.T) {
	var (
		e *Entry
		h *HardState
		s *Snapshot
		c *ConfState
	)
	require.Zero(t, e.GetIndex())
	require.Zero(t, e.GetTerm())
	require.Zero(t, s.GetIndex())
	require.Zero(t, s.GetTerm())
	require.Zero(t, h.GetCommitted())
	require.True(t, h.IsEmpty())
	require.NotPanics(t, h.Reset)
	for _, m := range []message{e, h, s, c} {
		require.Zero(t, m.Size())
		_, err := m.Marshal()
		require.Error(t, err)
		b, err := m.AppendBinary([]byte("before"))
		require.Error(t, err)
		require.Equal(t, "before", string(b))
	}
}
