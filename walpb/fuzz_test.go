package walpb

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// roundTrip requires that whatever can be decoded from b can be encoded, to bytes that decode to
// the same.
func roundTrip[T any, M interface {
	*T
	message
}](t *testing.T, b []byte) {
	first := M(new(T))
	if err := first.Unmarshal(b); err != nil {
		require.ErrorIs(t, err, ErrMalformed)
		return
	}
	out, err := first.Marshal()
	require.NoError(t, err)
	require.Equal(t, first.Size(), len(out))
	second := M(new(T))
	require.NoError(t, second.Unmarshal(out))
	require.Equal(t, first, second)
}

func seed(f *testing.F) {
	f.Add([]byte{})
	for _, tt := range goldenMessages {
		b, err := tt.value.Marshal()
		require.NoError(f, err)
		f.Add(b)
		f.Add(b[:len(b)-1])
		f.Add(append(b, 0x3b, 0x08, 0x01, 0x3c)) // an unknown group
	}
}

func FuzzEntry(f *testing.F) {
	seed(f)
	f.Fuzz(roundTrip[Entry])
}

func FuzzHardState(f *testing.F) {
	seed(f)
	f.Fuzz(roundTrip[HardState])
}

func FuzzSnapshot(f *testing.F) {
	seed(f)
	f.Fuzz(roundTrip[Snapshot])
}

func FuzzConfState(f *testing.F) {
	seed(f)
	f.Fuzz(roundTrip[ConfState])
}
