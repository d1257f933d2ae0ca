package interop

import (
	"testing"

	"github.com/stretchr/testify/require"
	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"

	"github.com/seed449c39bc/wal"
)

func TestOurLogsAreReadByEtcdAsWeReadThem(t *testing.T) {
	forFormats(t, func(t *testing.T, seed uint64, trailered bool, opts ...wal.Option) {
		h, dir := generate(seed, 40), newDir(t)
		writeOurs(t, dir, h, opts...)
		for _, f := range segments(t, dir) {
			f.requireFormat(t, trailered)
		}
		requireBothRead(t, dir, h)
	})
}

// When etcd opens a log for appending, it requires more than for reading: it must know what every
// byte is, and rewrites the end.
func TestOurLogsAreOpenedForAppendingByEtcd(t *testing.T) {
	forFormats(t, func(t *testing.T, seed uint64, trailered bool, opts ...wal.Option) {
		h, dir := generate(seed, 30), newDir(t)
		writeOurs(t, dir, h, opts...)
		before := segments(t, dir)
		w, err := etcdwal.Open(nil, dir, toEtcdSnapshot(h.newest()))
		require.NoError(t, err)
		got, err := fromEtcd(w.ReadAll())
		require.NoError(t, err)
		want, ok := h.at(h.newest())
		require.True(t, ok)
		require.Equal(t, want, got)
		require.NoError(t, w.Close())
		requireSameSegments(t, before, segments(t, dir))
		requireBothRead(t, dir, h)
	})
}

func TestOurLogsInEtcdFormatAreAppendedToByEtcd(t *testing.T) {
	forSeeds(t, func(t *testing.T, seed uint64) {
		g, dir := newGenerator(seed), newDir(t)
		g.more(30)
		writeOurs(t, dir, g.history, wal.WithEtcdFormat())
		newest := g.newest()
		require.NoError(t, apply(t, openEtcd(t, dir, newest), newest, g.handOver()).close())
		requireBothRead(t, dir, g.history)
	})
}
