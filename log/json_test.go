package log

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type put struct {
	Key   string
	Value string `json:",omitempty"`
	Tags  map[string]int
}

func TestJSONGivesBackWhatItWasGiven(t *testing.T) {
	entry := &JSON[put]{7, put{"sky", "blue", map[string]int{"a": 1}}}
	data, err := entry.Marshal()
	require.NoError(t, err)
	require.Equal(t, `{"index":7,"value":{"Key":"sky","Value":"blue","Tags":{"a":1}}}`, string(data))
	got := new(JSON[put])
	require.NoError(t, got.Unmarshal(data))
	require.Equal(t, entry, got)
	require.Equal(t, uint64(7), got.GetIndex())
	got.SetIndex(8)
	require.Equal(t, uint64(8), got.GetIndex())

	state := &JSONState[string]{9, "vote"}
	data, err = state.Marshal()
	require.NoError(t, err)
	back := &JSONState[string]{}
	require.NoError(t, back.Unmarshal(data))
	require.Equal(t, state, back)
	require.Equal(t, uint64(9), back.GetCommitted())
	back.Reset()
	require.Equal(t, &JSONState[string]{}, back)
}

// Nothing of what a record held before is left, neither a field that the JSON lacks nor a key of a
// map.
func TestJSONUnmarshalReplacesTheRecord(t *testing.T) {
	data, err := (&JSON[put]{Index: 2, Value: put{Key: "b", Tags: map[string]int{"new": 1}}}).Marshal()
	require.NoError(t, err)
	got := &JSON[put]{1, put{"a", "old", map[string]int{"old": 1}}}
	require.NoError(t, got.Unmarshal(data))
	require.Equal(t, &JSON[put]{2, put{"b", "", map[string]int{"new": 1}}}, got)

	data, err = (&JSON[*put]{Index: 3}).Marshal()
	require.NoError(t, err)
	nothing := &JSON[*put]{1, &put{Key: "a"}}
	require.NoError(t, nothing.Unmarshal(data))
	require.Equal(t, &JSON[*put]{Index: 3}, nothing)
}

func TestJSONRefusesWhatIsNoRecordOfIts(t *testing.T) {
	for _, data := range []string{"", "null", "{}", "7", "[]", `{"index":1}`, `{"value":{}}`,
		`{"index":-1,"value":{}}`,
		`{"index":1,"value":7}`, `{"index":null,"value":{}}`, `{"index":1,"value":{}}x`,
		`{"index":1.5,"value":{}}`} {
		entry := &JSON[put]{1, put{Key: "a"}}
		require.Error(t, entry.Unmarshal([]byte(data)), data)
		require.Equal(t, &JSON[put]{}, entry, data)
		data = strings.ReplaceAll(data, "index", "commit")
		state := &JSONState[put]{1, put{Key: "a"}}
		require.Error(t, state.Unmarshal([]byte(data)), data)
		require.Equal(t, &JSONState[put]{}, state, data)
	}
}

func TestJSONTypesCanBeRegistered(t *testing.T) {
	r := NewRegistry()
	r.Register(EntryType, &JSON[put]{})
	r.Register(StateType, &JSONState[struct{}]{})
	r.Register(SnapshotType, &JSON[string]{})
	require.IsType(t, &JSON[put]{}, r.NewEntry())
	require.IsType(t, &JSONState[struct{}]{}, r.NewState())
	require.IsType(t, &JSON[string]{}, r.NewSnapshot())
	require.Implements(t, (*IndexSetter)(nil), r.NewEntry())
}

// encoding/json encodes any depth, and decodes ten thousand levels.
func TestJSONRefusesWhatItCouldNotDecode(t *testing.T) {
	type node struct{ Next *node }
	deep := func(levels int) (n *node) {
		for range levels {
			n = &node{n}
		}
		return n
	}
	for _, levels := range []int{0, 1, 9_000, 9_998, 9_999, 10_000, 20_000} {
		entry := &JSON[*node]{1, deep(levels)}
		data, err := entry.Marshal()
		if levels > 9_999 {
			require.ErrorIs(t, err, errDeepJSON)
			_, err = (&JSONState[*node]{1, entry.Value}).Marshal()
			require.ErrorIs(t, err, errDeepJSON)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, new(JSON[*node]).Unmarshal(data), "%d levels", levels)
	}
}
