package interop

import (
	"testing"

	"github.com/stretchr/testify/require"
	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// readEtcd reads a log with etcd's reader, without changing it. If etcd returns ErrSliceOutOfRange,
// the contents are those before the gap.
func readEtcd(t *testing.T, dir string, snap *walpb.Snapshot) (contents, error) {
	t.Helper()
	w, err := etcdwal.OpenForRead(nil, dir, toEtcdSnapshot(snap))
	if err != nil {
		return contents{}, err
	}
	return fromEtcd(w.ReadAll())
}

func fromEtcd(metadata []byte, st *raftpb.HardState, ents []*raftpb.Entry, err error) (
	contents, error,
) {
	return contents{metadata, fromRaftState(st), convert(ents, fromRaftEntry)}, err
}

// readOurs reads a log with OpenForRead, from the oldest segment on if snap is nil.
func readOurs(t *testing.T, dir string, snap *walpb.Snapshot) (contents, error) {
	t.Helper()
	r, err := wal.OpenForRead(nil, dir, snap)
	if err != nil {
		return contents{}, err
	}
	defer r.Close()
	return fromOurs(r.ReadAll())
}

// recoverOurs opens a log for appending, reads it, and closes it.
func recoverOurs(t *testing.T, dir string, snap *walpb.Snapshot, opts ...wal.Option) (
	contents, error,
) {
	t.Helper()
	w, err := wal.Open(nil, dir, snap, withDefaults(opts)...)
	if err != nil {
		return contents{}, err
	}
	c, err := fromOurs(w.ReadAll())
	require.NoError(t, w.Close())
	return c, err
}

func fromOurs(metadata []byte, st log.HardState, ents []log.LogEntry, err error) (contents, error) {
	if err != nil {
		return contents{}, err
	}
	return contents{metadata, st.(*walpb.HardState), convert(ents, fromLogEntry)}, nil
}

// requireBothRead requires that both implementations read the same at every snapshot in the log,
// and that it is what the history says.
func requireBothRead(t *testing.T, dir string, h history) {
	t.Helper()
	requireWhole(t, dir, h)
	for _, snap := range h.snapshots() {
		theirs, theirErr := readEtcd(t, dir, snap)
		ours, err := readOurs(t, dir, snap)
		want, ok := h.at(snap)
		if !ok {
			require.ErrorIs(t, theirErr, etcdwal.ErrSliceOutOfRange, "etcd at snapshot %d", snap.Index)
			require.ErrorIs(t, err, wal.ErrIndexGap, "at snapshot %d", snap.Index)
			continue
		}
		require.NoError(t, theirErr, "etcd at snapshot %d", snap.Index)
		require.NoError(t, err, "at snapshot %d", snap.Index)
		require.Equal(t, want, theirs, "etcd at snapshot %d", snap.Index)
		require.Equal(t, want, ours, "at snapshot %d", snap.Index)
	}
}

// requireWhole requires that Verify of both implementations finds nothing wrong, and that both find
// the same snapshots.
func requireWhole(t *testing.T, dir string, h history) {
	t.Helper()
	report, err := wal.Verify(nil, dir)
	require.NoError(t, err)
	require.Nil(t, report.Torn)
	require.Equal(t, len(segments(t, dir)), report.Segments)
	st, err := etcdwal.Verify(nil, dir, toEtcdSnapshot(h.newest()))
	require.NoError(t, err, "etcd's Verify")
	require.Equal(t, h.state(), fromRaftState(st), "the state that etcd's Verify returns")

	requireSnapshots(t, dir)
}

// requireSnapshots requires that the snapshots listed here are those that etcd lists, except those
// at which the log does not open: etcd lists them too.
func requireSnapshots(t *testing.T, dir string) {
	t.Helper()
	listed, err := wal.ValidSnapshots(nil, dir)
	require.NoError(t, err)
	ours := convert(listed, fromLogSnapshot)
	// It warns of an N.tmp, even with a nil logger.
	theirs, err := etcdwal.ValidSnapshotEntries(zap.NewNop(), dir)
	require.NoError(t, err)
	var opens []*walpb.Snapshot
	for _, snap := range convert(theirs, fromEtcdSnapshot) {
		if _, err := readOurs(t, dir, snap); err == nil {
			opens = append(opens, snap)
		} else {
			require.ErrorIs(t, err, wal.ErrIndexGap)
		}
	}
	require.Equal(t, opens, ours)
}
