package etcdraft

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3/raftpb"
)

// encodings are entries as raft has them.
func encodings(t testing.TB) (all [][]byte) {
	some := []uint64{0, 1, 127, 128, 1<<32 - 1, 1<<64 - 1}
	for n := range 16 {
		for _, v := range some {
			e := &raftpb.Entry{}
			if n&1 != 0 {
				e.Type = raftpb.EntryType(v % 3).Enum()
			}
			if n&2 != 0 {
				e.Term = &v
			}
			if n&4 != 0 {
				e.Index = &v
			}
			if n&8 != 0 {
				e.Data = make([]byte, v%300)
			}
			b, err := proto.Marshal(e)
			require.NoError(t, err)
			all = append(all, b)
		}
	}
	return all
}

func TestEntry_IsEncodedAsRaftDoes(t *testing.T) {
	for _, want := range encodings(t) {
		var e raftpb.Entry
		require.NoError(t, proto.Unmarshal(want, &e))
		got, err := (&savedEntry{&e}).Marshal()
		require.NoError(t, err)
		require.Equal(t, want, append([]byte{}, got...))
		require.Equal(t, len(want), sizeOf(&e))
		require.Equal(t, proto.Size(&e), sizeOf(&e))
		var back storedEntry
		require.NoError(t, back.Unmarshal(want))
		require.True(t, proto.Equal(&e, &back.entry), "%v is not %v", &back.entry, &e)
		i, err := back.ReadIndex(want)
		require.NoError(t, err)
		require.Equal(t, e.GetIndex(), i)
	}
}

// Whatever the bytes are, they are decoded as raft decodes them.
func FuzzEntry(f *testing.F) {
	for _, b := range encodings(f) {
		f.Add(b)
	}
	f.Add([]byte{0x22, 2, 1, 2, 0x22, 1, 7, 0x28, 9}) // a field twice, and an unknown one
	f.Fuzz(func(t *testing.T, b []byte) {
		var want raftpb.Entry
		wrong := proto.Unmarshal(b, &want)
		var got storedEntry
		err := got.Unmarshal(b)
		if wrong != nil {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, want.GetIndex(), got.entry.GetIndex())
		require.Equal(t, want.GetTerm(), got.entry.GetTerm())
		require.Equal(t, want.GetType(), got.entry.GetType())
		require.Equal(t, want.GetData(), got.entry.GetData())
	})
}
