package interop

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// etcd does not know the control records of a trailered segment, and takes them for the checksum
// records that they also are. That loses nothing with CLOSED. Entries that were dropped with
// TRUNCATE come back in etcd until others are saved over them; save those first if etcd is to go on
// with the log.
func TestLogsWithControlRecordsAreReadByEtcdWhichSeesTruncatedEntries(t *testing.T) {
	dir, h := newDir(t), history{metadata: []byte("node")}
	entry := func(term, index uint64) *walpb.Entry {
		return &walpb.Entry{Term: term, Index: index, Data: []byte("data")}
	}
	for i := range uint64(10) {
		h.ops = append(h.ops,
			op{ents: []*walpb.Entry{entry(1, i+1)}, state: &walpb.HardState{Term: 1, Commit: 5}})
	}
	ours := createOurs(t, dir, h.metadata)
	apply(t, ours, nil, h.ops)
	require.NoError(t, ours.TruncateBack(6))
	require.NoError(t, ours.close())
	require.Greater(t, segments(t, dir)[0].count(t, log.CrcType), 2,
		"crc records: the header's, TRUNCATE and CLOSED")

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

// The plain tail of a log of etcd cannot hold a TRUNCATE record, so truncating the log starts a
// trailered segment.
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

// etcd reads a compacted log at a snapshot, like any other log.
func TestALogThatWasCompactedIsReadByEtcd(t *testing.T) {
	dir, h := newDir(t), history{metadata: []byte("node")}
	entry := func(i uint64) *walpb.Entry {
		return &walpb.Entry{Term: 1, Index: i, Data: make([]byte, segmentSize/4)}
	}
	for i := range uint64(20) {
		h.ops = append(h.ops,
			op{ents: []*walpb.Entry{entry(i + 1)}, state: &walpb.HardState{Term: 1, Commit: i + 1}})
	}
	snap := &walpb.Snapshot{Index: 15, Term: 1, ConfState: &walpb.ConfState{Voters: []uint64{1}}}
	h.ops = append(h.ops, op{snap: snap})
	ours := createOurs(t, dir, h.metadata)
	apply(t, ours, nil, h.ops)
	before := len(segments(t, dir))
	require.NoError(t, ours.Compact(15))
	require.Less(t, len(segments(t, dir)), before)
	require.NoError(t, ours.close())

	want, _ := h.at(snap)
	got, err := readOurs(t, dir, snap)
	require.NoError(t, err)
	require.Equal(t, want, got)
	theirs, err := readEtcd(t, dir, snap)
	require.NoError(t, err)
	require.Equal(t, want, theirs)

	// etcd appends to the log, and then this project does again.
	more := []op{{ents: []*walpb.Entry{entry(21)}, state: &walpb.HardState{Term: 1, Commit: 21}}}
	h.ops = append(h.ops, more...)
	require.NoError(t, apply(t, openEtcd(t, dir, snap), nil, more).close())
	want, _ = h.at(snap)
	got, err = recoverOurs(t, dir, snap)
	require.NoError(t, err)
	require.Equal(t, want, got)
	w := openOurs(t, dir, nil)
	require.EqualValues(t, 16, w.FirstIndex())
	require.NoError(t, w.close())
}

// etcd reads a restored log at the snapshot. It does not know that the entries before the restore
// were dropped: those above the snapshot show until others are saved over them.
func TestALogThatWasRestoredIsReadByEtcd(t *testing.T) {
	dir, h := newDir(t), history{metadata: []byte("node")}
	entry := func(term, i uint64) *walpb.Entry {
		return &walpb.Entry{Term: term, Index: i, Data: []byte("data")}
	}
	for i := range uint64(10) {
		h.ops = append(h.ops,
			op{ents: []*walpb.Entry{entry(1, i+1)}, state: &walpb.HardState{Term: 1, Commit: 3}})
	}
	ours := createOurs(t, dir, h.metadata)
	apply(t, ours, nil, h.ops)
	snap := &walpb.Snapshot{Index: 6, Term: 2}
	st := &walpb.HardState{Term: 2, Commit: 6}
	require.NoError(t, ours.Restore(snap, st, nil))
	got, err := readOurs(t, dir, snap)
	require.NoError(t, err)
	require.Equal(t, contents{metadata: h.metadata, state: st, ents: got.ents}, got)
	require.Empty(t, got.ents)
	theirs, err := readEtcd(t, dir, snap)
	require.NoError(t, err)
	require.Len(t, theirs.ents, 4, "etcd reads the dropped entries above the snapshot too")

	more := []*walpb.Entry{entry(2, 7), entry(2, 8)}
	require.NoError(t, ours.save(st, more))
	require.NoError(t, ours.close())
	got, err = readOurs(t, dir, snap)
	require.NoError(t, err)
	require.Len(t, got.ents, 2)
	theirs, err = readEtcd(t, dir, snap)
	require.NoError(t, err)
	require.Equal(t, got, theirs)
}

// A follower of etcd dies after it has saved a snapshot that it received, and before it has saved
// the state that commits it. The directory opens here at the same snapshot as there, and goes on.
func TestALogOfEtcdWithAJumpThatIsPendingOpensAtTheOlderSnapshot(t *testing.T) {
	dir, h := newDir(t), history{metadata: []byte("node")}
	for i := range uint64(10) {
		h.ops = append(h.ops, op{ents: []*walpb.Entry{{Term: 1, Index: i + 1}},
			state: &walpb.HardState{Term: 1, Commit: i + 1}})
	}
	older := &walpb.Snapshot{Index: 5, Term: 1, ConfState: &walpb.ConfState{Voters: []uint64{1}}}
	h.ops = append(h.ops, op{snap: older},
		op{snap: &walpb.Snapshot{Index: 100, Term: 2, ConfState: older.ConfState}})
	writeEtcd(t, dir, h)
	theirs, err := readEtcd(t, dir, older)
	require.NoError(t, err)
	require.Len(t, theirs.ents, 5)
	got, err := readOurs(t, dir, older)
	require.NoError(t, err)
	require.Equal(t, theirs, got)
	snaps, err := wal.ValidSnapshots(nil, dir)
	require.NoError(t, err)
	require.Equal(t, older, snaps[len(snaps)-1])

	w := openOurs(t, dir, older)
	require.EqualValues(t, 10, w.LastIndex())
	require.NoError(t, w.save(&walpb.HardState{Term: 2, Commit: 11},
		[]*walpb.Entry{{Term: 2, Index: 11}}))
	require.NoError(t, w.close())
	theirs, err = readEtcd(t, dir, older)
	require.NoError(t, err)
	got, err = readOurs(t, dir, older)
	require.NoError(t, err)
	require.Equal(t, theirs, got)
	require.Len(t, got.ents, 6)
}
