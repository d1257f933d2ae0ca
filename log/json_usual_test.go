package log

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// sameJSON decodes a record in both ways. What Marshal has written is taken apart without
// encoding/json, anything else is not; the outcome must not tell.
func sameJSON(t require.TestingT, data []byte) {
	n, v, err := decodeJSON[any](data, "index")
	wantN, wantV, wantErr := decodeAnyJSON[any](data, "index")
	require.Equal(t, wantErr, err, "%s", data)
	require.Equal(t, wantN, n, "%s", data)
	require.Equal(t, wantV, v, "%s", data)
	m, typed, err := decodeJSON[put](data, "index")
	wantM, wantTyped, wantErr := decodeAnyJSON[put](data, "index")
	require.Equal(t, wantErr == nil, err == nil, "%s: %v, %v", data, wantErr, err)
	require.Equal(t, wantM, m, "%s", data)
	require.Equal(t, wantTyped, typed, "%s", data)
}

func jsonRecords(t require.TestingT) (records [][]byte) {
	for _, i := range []uint64{0, 1, 9, 10, 1<<53 + 1, 9_999_999_999_999_999_999, math.MaxUint64} {
		for _, v := range []any{
			nil, 1.5, "text", []any{1.0, "a"}, put{"k", "v", map[string]int{"a": 1}},
		} {
			b, err := (&JSON[any]{i, v}).Marshal()
			require.NoError(t, err)
			records = append(records, b)
		}
	}
	for _, s := range []string{
		``, `{`, `{}`, `{"index":1}`, `{"index":1,"value":}`, `{"index":,"value":2}`, `null`,
		`{"index":01,"value":2}`, `{"index":-1,"value":2}`, `{"index":1.0,"value":2}`,
		`{"index":1,"value":2,"index":3}`, `{"index":1,"value":2,"value":3}`, `{"index":1,"value":2}}`,
		`{"index":1,"value":{"a":2}`, `{"value":2,"index":1}`, ` {"index":1,"value":2}`,
		`{"index":1,"value": 2 }`, `{"index": 1,"value":2}`, `{"index":null,"value":2}`,
		`{"index":99999999999999999999,"value":2}`, `{"indeX":1,"value":2}`,
		`{"index":1,"value":"}`, `{"index":1,"value":""}`, `{"commit":1,"value":2}`,
	} {
		records = append(records, []byte(s))
	}
	return records
}

func TestJSONIsDecodedAlikeInWhateverForm(t *testing.T) {
	for _, data := range jsonRecords(t) {
		sameJSON(t, data)
		for i := range data {
			sameJSON(t, data[:i])
			for _, b := range []byte(`0 {}":,n` + "\x00\xff") {
				changed := append([]byte(nil), data...)
				changed[i] = b
				sameJSON(t, changed)
			}
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, data := range jsonRecords(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { sameJSON(t, data) })
}
