package interop

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	etcdpb "go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/seed449c39bc/wal/walpb"
)

// record is a record type of this project.
type record interface {
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

// requireSameEncoding requires that ours and theirs, which hold the same, have the same encoding,
// and that each is read from the other's bytes.
func requireSameEncoding(t *testing.T, ours, emptyOurs record, theirs, emptyTheirs proto.Message) {
	t.Helper()
	want, err := proto.Marshal(theirs)
	require.NoError(t, err)
	got, err := ours.Marshal()
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoError(t, emptyOurs.Unmarshal(want))
	require.Equal(t, ours, emptyOurs)
	require.NoError(t, proto.Unmarshal(got, emptyTheirs))
	require.True(t, proto.Equal(theirs, emptyTheirs), "%v\n%v", theirs, emptyTheirs)
}

// forValues calls test with generators whose numbers are of any length in bits.
func forValues(t *testing.T, test func(g *generator)) {
	t.Helper()
	for seed := range uint64(2000) {
		test(&generator{Rand: rand.New(rand.NewPCG(seed, 1)), maxData: 5000})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func (g *generator) number() uint64 {
	switch g.IntN(8) {
	case 0:
		return 0
	case 1:
		return math.MaxUint64
	}
	return g.Uint64() >> g.IntN(64)
}

func TestEntriesAreEncodedAsEtcdEncodesThem(t *testing.T) {
	forValues(t, func(g *generator) {
		e := &walpb.Entry{Type: walpb.EntryType(g.IntN(3)), Term: g.number(), Index: g.number(),
			Data: g.data()}
		requireSameEncoding(t, e, new(walpb.Entry), toRaftEntry(e), new(raftpb.Entry))
	})
}

func TestStatesAreEncodedAsEtcdEncodesThem(t *testing.T) {
	forValues(t, func(g *generator) {
		st := &walpb.HardState{Term: g.number(), Vote: g.number(), Commit: g.number()}
		requireSameEncoding(t, st, new(walpb.HardState), toRaftState(st), new(raftpb.HardState))
	})
}

func TestConfStatesAreEncodedAsEtcdEncodesThem(t *testing.T) {
	forValues(t, func(g *generator) {
		c := g.confState()
		requireSameEncoding(t, c, new(walpb.ConfState), toRaftConfState(c), new(raftpb.ConfState))
	})
}

func TestSnapshotsAreEncodedAsEtcdEncodesThem(t *testing.T) {
	forValues(t, func(g *generator) {
		s := &walpb.Snapshot{Index: g.number(), Term: g.number()}
		if g.IntN(4) > 0 {
			s.ConfState = g.confState()
		}
		requireSameEncoding(t, s, new(walpb.Snapshot), toEtcdSnapshot(s), new(etcdpb.Snapshot))
	})
}

func TestRecordsAreEncodedAsEtcdEncodesThem(t *testing.T) {
	forValues(t, func(g *generator) {
		typ, crc, data := int64(1+g.IntN(5)), g.Uint32()>>g.IntN(32), g.data()
		n := len(data)
		if data == nil {
			n = -1
		}
		got := append(walpb.AppendRecordHeader(nil, typ, crc, n), data...)
		want, err := proto.Marshal(&etcdpb.Record{Type: &typ, Crc: &crc, Data: data})
		require.NoError(t, err)
		require.Equal(t, want, got)
		rec, _, err := walpb.ParseRecord(want)
		require.NoError(t, err)
		require.Equal(t, walpb.Record{Type: typ, Crc: crc, Data: data}, rec)

		// The trailer is a field that etcd does not know and passes over.
		var theirs etcdpb.Record
		require.NoError(t, proto.Unmarshal(walpb.AppendTrailer(got, g.number()), &theirs))
		require.Equal(t, []any{typ, crc, data},
			[]any{theirs.GetType(), theirs.GetCrc(), theirs.GetData()})
	})
}
