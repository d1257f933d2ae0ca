package interop

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/walpb"
)

func TestLogsOfEtcdAreReadAsEtcdReadsThem(t *testing.T) {
	forSeeds(t, func(t *testing.T, seed uint64) {
		h, dir := generate(seed, 40), newDir(t)
		writeEtcd(t, dir, h)
		requireBothRead(t, dir, h)
	})
}

func TestOpeningALogOfEtcdLeavesItsBytesAsTheyWere(t *testing.T) {
	forSeeds(t, func(t *testing.T, seed uint64) {
		h, dir := generate(seed, 40), newDir(t)
		writeEtcd(t, dir, h)
		before := segments(t, dir)
		for _, snap := range h.snapshots() {
			want, ok := h.at(snap)
			got, err := recoverOurs(t, dir, snap)
			if !ok {
				require.ErrorIs(t, err, wal.ErrIndexGap)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		requireSameSegments(t, before, segments(t, dir))
	})
}

// A tail that etcd has written is continued in etcd's format. The segments after it are trailered,
// unless etcd's format is asked for. Either way etcd reads all of it.
func TestLogsOfEtcdAreAppendedTo(t *testing.T) {
	forFormats(t, func(t *testing.T, seed uint64, trailered bool, opts ...wal.Option) {
		g, dir := newGenerator(seed), newDir(t)
		g.more(30)
		writeEtcd(t, dir, g.history)
		before := segments(t, dir)

		newest := g.newest()
		require.NoError(t, apply(t, openOurs(t, dir, newest, opts...), newest, g.more(30)).close())
		requireBothRead(t, dir, g.history)
		for i, f := range segments(t, dir) {
			f.requireFormat(t, trailered && i >= len(before))
		}
	})
}

func TestALogInEtcdFormatIsWrittenByBothInTurn(t *testing.T) {
	forSeeds(t, func(t *testing.T, seed uint64) {
		g, dir := newGenerator(seed), newDir(t)
		g.more(10)
		writeEtcd(t, dir, g.history)
		for range 3 {
			newest := g.newest()
			ours := openOurs(t, dir, newest, wal.WithEtcdFormat())
			require.NoError(t, apply(t, ours, newest, g.handOver()).close())
			newest = g.newest()
			require.NoError(t, apply(t, openEtcd(t, dir, newest), newest, g.handOver()).close())
		}
		requireBothRead(t, dir, g.history)
	})
}

func TestLogsThatEtcdPurgedAreReadFromWhatIsLeft(t *testing.T) {
	var purged atomic.Int64
	forSeeds(t, func(t *testing.T, seed uint64) {
		h, dir := generate(seed, 40), newDir(t)
		writeEtcd(t, dir, h)
		if !purgeLikeEtcd(t, dir, h.newest()) {
			t.Skip("the newest snapshot is in the first segment")
		}
		purged.Add(1)
		want, err := readEtcd(t, dir, h.newest())
		require.NoError(t, err)
		got, err := readOurs(t, dir, h.newest())
		require.NoError(t, err)
		require.Equal(t, want, got)
		_, err = wal.Verify(nil, dir)
		require.NoError(t, err)
		_, err = readOurs(t, dir, &walpb.Snapshot{})
		require.ErrorIs(t, err, wal.ErrSnapshotNotFound)
	})
	require.Greater(t, purged.Load(), int64(seeds/2), "logs that could be purged")
}

// purgeLikeEtcd deletes the segments whose locks etcd releases for a snapshot, and reports whether
// there were any.
func purgeLikeEtcd(t *testing.T, dir string, snap *walpb.Snapshot) bool {
	t.Helper()
	w, err := etcdwal.Open(nil, dir, toEtcdSnapshot(&walpb.Snapshot{}))
	require.NoError(t, err)
	require.NoError(t, w.ReleaseLockTo(snap.Index))
	removed := false
	for _, f := range segments(t, dir) {
		if isLocked(t, filepath.Join(dir, f.name)) {
			break
		}
		require.NoError(t, os.Remove(filepath.Join(dir, f.name)))
		removed = true
	}
	require.NoError(t, w.Close())
	return removed
}
