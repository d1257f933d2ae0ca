package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
)

// The index of what Marshal writes is read without decoding the entry, unless it has escapes.
func TestTheIndexOfAPlainEntryIsReadWithoutDecoding(t *testing.T) {
	for _, e := range []*Entry{Put("sky", "blue"), Put("sky", ""), Put("ключ", "значение"),
		Delete("sky")} {
		for _, e.Index = range []uint64{1, 42, 9_999_999_999_999_999_999} {
			data, err := e.Marshal()
			require.NoError(t, err)
			index, ok := plainIndex(data)
			require.True(t, ok, "%s", data)
			require.Equal(t, e.Index, index, "%s", data)
		}
	}
}

func TestReadIndexSaysWhatUnmarshalSays(t *testing.T) {
	seen := 0
	for _, data := range []string{
		`{"index":1,"op":"put","key":"k","value":"v"}`, `{"index":1,"op":"del","key":"k"}`,
		`{"index":1,"op":"put","key":"\u2028","value":"\""}`,
		`{"op":"put","key":"k","index":7}`, `{"index":18446744073709551615,"op":"put","key":"k"}`,
		` {"index":1,"op":"put","key":"k"}`,
		``, `null`, `{}`, `{"index":1}`, `{"index":1,"op":"set","key":"k"}`,
		`{"index":01,"op":"put","key":"k"}`,
		`{"index":,"op":"put","key":"k"}`, `{"index":1,"op":"put","key":"k"`,
		`{"index":1,"op":"put","key":"k"}}`, `{"index":1,"op":"put","key":7}`,
		`{"index":1,"op":"put","key":"k","value":7}`,
		`{"index":1,"op":"put","key":"k","value":"a` + "\n" + `"}`,
		`{"index":1,"op":"put","key":"k` + "\xff" + `"}`,
		`{"index":18446744073709551616,"op":"put","key":"k"}`,
		`{"index":1,"op":"put","key":"k","value":"\x"}`, `{"index":1,"op":"put","key":"\"}`,
		`{"index":0,"op":"put","key":"k"}`, `{"index":`, `{"index":1,"op":"put","key":`,
	} {
		var e Entry
		want := e.Unmarshal([]byte(data))
		index, err := new(Entry).ReadIndex([]byte(data))
		require.Equal(t, want, err, data)
		if want == nil {
			require.Equal(t, e.Index, index, data)
			seen++
		}
	}
	require.Equal(t, 8, seen)
}

func TestEntriesNeedNotBeDecodedForOpening(t *testing.T) {
	require.Implements(t, (*log.IndexReader)(nil), records().NewEntry())
}
