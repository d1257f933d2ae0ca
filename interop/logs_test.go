package interop

import (
	"testing"

	"github.com/stretchr/testify/require"
	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/walpb"
)

// saver is a log of one of the implementations that is open for appending.
type saver interface {
	save(st *walpb.HardState, ents []*walpb.Entry) error
	saveSnap(snap *walpb.Snapshot) error
	close() error
	reopen(t *testing.T, snap *walpb.Snapshot) saver
}

// apply makes calls on a log; newest is the snapshot that was saved before them. It returns the
// log, which may have been opened again.
func apply(t *testing.T, s saver, newest *walpb.Snapshot, ops []op) saver {
	t.Helper()
	for i, o := range ops {
		if o.reopen {
			require.NoError(t, s.close(), "call %d", i)
			s = s.reopen(t, newest)
		}
		if o.snap != nil {
			require.NoError(t, s.saveSnap(o.snap), "call %d", i)
			newest = o.snap
		}
		if o.state != nil || o.ents != nil {
			require.NoError(t, s.save(o.state, o.ents), "call %d", i)
		}
	}
	return s
}

// writeEtcd has etcd write a whole history into dir.
func writeEtcd(t *testing.T, dir string, h history) {
	t.Helper()
	s := apply(t, createEtcd(t, dir, h.metadata), &walpb.Snapshot{}, h.ops)
	require.NoError(t, s.close())
}

// writeOurs has this project's log write a whole history into dir.
func writeOurs(t *testing.T, dir string, h history, opts ...wal.Option) {
	t.Helper()
	s := apply(t, createOurs(t, dir, h.metadata, opts...), &walpb.Snapshot{}, h.ops)
	require.NoError(t, s.close())
}

type etcdLog struct {
	dir string
	w   *etcdwal.WAL
}

func createEtcd(t *testing.T, dir string, metadata []byte) saver {
	t.Helper()
	w, err := etcdwal.Create(nil, dir, metadata)
	require.NoError(t, err)
	w.SetUnsafeNoFsync()
	return &etcdLog{dir, w}
}

// openEtcd opens a log for appending. It also reads the log, which etcd requires before that.
func openEtcd(t *testing.T, dir string, snap *walpb.Snapshot) saver {
	t.Helper()
	w, err := etcdwal.Open(nil, dir, toEtcdSnapshot(snap))
	require.NoError(t, err)
	_, _, _, err = w.ReadAll()
	require.NoError(t, err)
	w.SetUnsafeNoFsync()
	return &etcdLog{dir, w}
}

func (l *etcdLog) save(st *walpb.HardState, ents []*walpb.Entry) error {
	return l.w.Save(toRaftState(st), convert(ents, toRaftEntry))
}

func (l *etcdLog) saveSnap(snap *walpb.Snapshot) error {
	return l.w.SaveSnapshot(toEtcdSnapshot(snap))
}
func (l *etcdLog) close() error { return l.w.Close() }

func (l *etcdLog) reopen(t *testing.T, snap *walpb.Snapshot) saver {
	t.Helper()
	return openEtcd(t, l.dir, snap)
}

type ourLog struct {
	dir  string
	opts []wal.Option
	*wal.WAL
}

func withDefaults(opts []wal.Option) []wal.Option {
	return append([]wal.Option{wal.WithSegmentSize(segmentSize)}, opts...)
}

func createOurs(t *testing.T, dir string, metadata []byte, opts ...wal.Option) *ourLog {
	t.Helper()
	w, err := wal.Create(nil, dir, metadata, withDefaults(opts)...)
	require.NoError(t, err)
	return &ourLog{dir, opts, w}
}

func openOurs(t *testing.T, dir string, snap *walpb.Snapshot, opts ...wal.Option) *ourLog {
	t.Helper()
	w, err := wal.Open(nil, dir, snap, withDefaults(opts)...)
	require.NoError(t, err)
	return &ourLog{dir, opts, w}
}

func (l *ourLog) save(st *walpb.HardState, ents []*walpb.Entry) error {
	es := convert(ents, toLogEntry)
	if st == nil {
		return l.Save(nil, es)
	}
	return l.Save(st, es)
}

func (l *ourLog) saveSnap(snap *walpb.Snapshot) error { return l.SaveSnap(snap) }
func (l *ourLog) close() error                        { return l.Close() }

func (l *ourLog) reopen(t *testing.T, snap *walpb.Snapshot) saver {
	t.Helper()
	return openOurs(t, l.dir, snap, l.opts...)
}
