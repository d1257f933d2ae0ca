package interop

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// etcd does not know the control records of a sealed segment, and takes them for
// the checksum records that they also are. Of CLOSED nothing is missed. Entries that
// were dropped with TRUNCATE come back in etcd, until others are saved over them: who
// wants to hand a log to etcd has to save those first.
func TestLogsWithControlRecordsAreReadByEtcdWhichSeesTruncatedEntries(t *testing.T) {
	dir, h := newDir(t), history{metadata: []byte("node")}
	entry := func(term, index uint64) *walpb.Entry {
		return &walpb.Entry{Term: term, Index: index, Data: []byte("data")}
	}
	for i := range uint64(10) {
		h.ops = append(h.ops, op{ents: []*walpb.Entry{entry(1, i+1)}, state: &walpb.HardState{Term: 1, Commit: 5}})
	}
	ours := createOurs(t, dir, h.metadata)
	apply(t, ours, nil, h.ops)
	require.NoError(t, ours.TruncateBack(6))
	require.NoError(t, ours.close())
	require.Greater(t, segments(t, dir)[0].count(t, log.CrcType), 2, "crc records: the header's, TRUNCATE and CLOSED")

	beginning := &walpb.Snapshot{}
	requireWhole(t, dir, h)
	theirs, err := readEtcd(t, dir, beginning)
	require.NoError(t, err)
	all, _ := h.at(beginning)
	require.Equal(t, all, theirs, "etcd reads the dropped entries too")
	got, err := readOurs(t, dir, beginning)
	require.NoError(t, err)
	require.Equal(t, all.ents[:6], got.ents)

	again := []op{{ents: []*walpb.Entry{entry(2, 7)}, state: &walpb.HardState{Term: 2, Commit: 6}}}
	h.ops = append(h.ops, again...)
	require.NoError(t, apply(t, openOurs(t, dir, nil), nil, again).close())
	requireBothRead(t, dir, h)
}

// A log of etcd's has no place for a TRUNCATE record in its plain tail, so
// that truncating starts a sealed segment.
func TestALogOfEtcdCanBeTruncated(t *testing.T) {
	forSeeds(t, func(t *testing.T, seed uint64) {
		h, dir := generate(seed, 20), newDir(t)
		writeEtcd(t, dir, h)
		before := segments(t, dir)
		all, ok := h.at(h.newest())
		require.True(t, ok)
		if len(all.ents) == 0 {
			t.Skip("no entries behind the newest snapshot")
		}
		w := openOurs(t, dir, h.newest())
		require.NoError(t, w.TruncateBack(w.LastIndex()-1))
		require.NoError(t, w.close())

		after := segments(t, dir)
		require.Len(t, after, len(before)+1)
		after[len(before)].requireFormat(t, true)
		got, err := readOurs(t, dir, h.newest())
		require.NoError(t, err)
		require.Equal(t, convert(all.ents[:len(all.ents)-1], toLogEntry), convert(got.ents, toLogEntry))
		theirs, err := readEtcd(t, dir, h.newest())
		require.NoError(t, err)
		require.Equal(t, all, theirs, "etcd reads the dropped entry too")
	})
}
