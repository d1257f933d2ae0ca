package etcdraft_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"go.etcd.io/raft/v3"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/etcdraft"
	"github.com/seed449c39bc/wal/etcdraft/snap"
	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

func TestOpen_RefusesWhatCannotWorkAndSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		opt  wal.Option
		says string
	}{
		"etcd's format":  {wal.WithEtcdFormat(), "WithEtcdFormat"},
		"other types":    {wal.WithRegistry(log.NewRegistry()), "WithRegistry"},
		"a wrong option": {wal.WithSegmentSize(1), "segment size"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			_, err := etcdraft.Open(nil, dir, etcdraft.Options{WAL: []wal.Option{c.opt}})
			require.ErrorIs(t, err, wal.ErrInvalidArgument)
			require.ErrorContains(t, err, c.says)
			require.NoDirExists(t, dir)
		})
	}
	_, err := etcdraft.Open(nil, "", etcdraft.Options{})
	require.ErrorIs(t, err, wal.ErrInvalidArgument)
}

func TestOpen_RefusesALogOfAnotherProgram(t *testing.T) {
	dir := t.TempDir()
	w, err := wal.Create(nil, dir, []byte("a queue"))
	require.NoError(t, err)
	require.NoError(t, w.SaveEntry([]log.LogEntry{&walpb.Entry{Index: 1, Data: []byte("x")}}))
	require.NoError(t, w.Close())
	_, err = etcdraft.Open(nil, dir, etcdraft.Options{})
	require.ErrorIs(t, err, etcdraft.ErrForeign)
	w, err = wal.Open(nil, dir, nil)
	require.NoError(t, err, "nothing holds it any more")
	require.EqualValues(t, 1, w.LastIndex())
	require.NoError(t, w.Close())
}

func TestOpen_ASecondTimeIsLocked(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, etcdraft.Options{})
	_, err := etcdraft.Open(nil, dir, etcdraft.Options{})
	require.ErrorIs(t, err, wal.ErrLocked)
}

func TestOpen_MissesTheNewestSnapshotsData(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, etcdraft.Options{})
	save(t, s, entries(1, 10, 1, 30))
	require.NoError(t, s.CreateSnapshot(5, voters(1), text("five")))
	require.NoError(t, s.Close())
	files, err := filepath.Glob(filepath.Join(dir, "snap", "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	moved := filepath.Join(t.TempDir(), "away")
	require.NoError(t, os.Rename(files[0], moved))
	_, err = etcdraft.Open(nil, dir, etcdraft.Options{})
	require.ErrorIs(t, err, etcdraft.ErrNoSnapshot)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "put it back")
	require.NoError(t, os.WriteFile(files[0], []byte("no snapshot"), 0o600))
	_, err = etcdraft.Open(nil, dir, etcdraft.Options{})
	require.ErrorIs(t, err, etcdraft.ErrNoSnapshot)
	require.ErrorIs(t, err, snap.ErrCorrupt)
	require.NoError(t, os.Rename(moved, files[0]))
	open(t, dir, etcdraft.Options{})
}

// The first members are in what a node that joins is sent: its log is empty, and the leader's
// begins behind a snapshot.
func TestOpen_BootstrapIsASnapshotOfNothing(t *testing.T) {
	o := etcdraft.Options{Bootstrap: voters(1, 2, 3)}
	dir := t.TempDir()
	for range 3 {
		s := open(t, dir, o)
		hs, cs, err := s.InitialState()
		require.NoError(t, err)
		require.Equal(t, []uint64{1, 2, 3}, cs.GetVoters())
		require.EqualValues(t, 1, hs.GetCommit())
		first, last := bounds(t, s)
		require.EqualValues(t, 2, first)
		require.EqualValues(t, 1, last)
		term, err := s.Term(1)
		require.NoError(t, err)
		require.EqualValues(t, 1, term)
		r, err := s.Snapshots().Open(1, 1)
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Empty(t, data)
		require.NoError(t, r.Close())
		require.NoError(t, s.Close())
		o = etcdraft.Options{Bootstrap: voters(9)} // counts only when the log is made
	}
}

// The power is cut at every moment of making a log: opened again, it has its members.
func TestOpen_BootstrapOutlastsACrashAtAnyMoment(t *testing.T) {
	disk := crashfs.New(crashfs.Image{})
	record := disk.Record()
	o := etcdraft.Options{
		Bootstrap: voters(1, 2, 3), WAL: []wal.Option{smallSegments, on(disk)},
	}
	s := open(t, "node", o)
	acked := record.Len()
	require.NoError(t, s.Close())
	rnd, moments := random(t, 1), 0
	for m := record.Media(); m.Advance(); moments++ {
		for range 3 {
			o.WAL = []wal.Option{smallSegments, on(crashfs.New(m.Sample(rnd).Clone()))}
			if m.At() >= acked {
				o.Bootstrap = nil // it is known by then
			}
			s := open(t, "node", o)
			_, cs, err := s.InitialState()
			require.NoError(t, err, "after change %d", m.At())
			require.Equal(t, []uint64{1, 2, 3}, cs.GetVoters(), "after change %d", m.At())
			save(t, s, entries(2, 5, 2, 20))
			_, err = raft.NewRawNode(config(1, s))
			require.NoError(t, err)
			require.NoError(t, s.Close())
		}
	}
	require.Greater(t, moments, 10)
}

func TestOpen_KeepsEntriesForFollowersThatLag(t *testing.T) {
	dir := t.TempDir()
	o := etcdraft.Options{WAL: []wal.Option{smallSegments}}
	s := open(t, dir, o)
	for term := uint64(1); term <= 20; term++ {
		save(t, s, entries(term*10-9, term*10, term, 500))
	}
	require.NoError(t, s.CreateSnapshot(150, voters(1), text("150")))
	require.NoError(t, s.Compact(100))
	for range 3 {
		first, last := bounds(t, s)
		require.EqualValues(t, 101, first)
		require.EqualValues(t, 200, last)
		for i := uint64(100); i <= 200; i++ {
			term, err := s.Term(i)
			require.NoError(t, err)
			require.EqualValues(t, (i+9)/10, term)
		}
		_, err := s.Term(99)
		require.True(t, err == raft.ErrCompacted)
		read(t, s, 101, 201)
		require.NoError(t, s.Close())
		s = open(t, dir, o)
	}
}

func TestOpen_RaisesCommitAndTermToTheSnapshot(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, etcdraft.Options{})
	require.NoError(t, s.Save(raft.Ready{Entries: entries(1, 9, 7, 20), MustSync: true}))
	require.NoError(t, s.CreateSnapshot(8, voters(1), text("8")))
	require.NoError(t, s.Close())
	s = open(t, dir, etcdraft.Options{})
	hs, _, err := s.InitialState()
	require.NoError(t, err)
	require.EqualValues(t, 8, hs.GetCommit())
	require.EqualValues(t, 7, hs.GetTerm())
	_, err = raft.NewRawNode(config(1, s))
	require.NoError(t, err)
}

// A node whose log is gone has forgotten its votes. Its snapshots tell.
func TestOpen_RefusesALogThatWasLost(t *testing.T) {
	for name, o := range map[string]etcdraft.Options{
		"on a disk": {}, "in memory": {WAL: []wal.Option{wal.WithMemory(wal.NewMemory())}},
		"elsewhere": {Snapshots: func() *snap.Dir {
			d, err := snap.Open(t.TempDir())
			require.NoError(t, err)
			return d
		}()},
	} {
		dir := filepath.Join(t.TempDir(), "node")
		if name == "in memory" {
			dir = "/node"
		}
		s := open(t, dir, o)
		save(t, s, entries(1, 9, 1, 30))
		require.NoError(t, s.CreateSnapshot(5, voters(1), text("5")))
		require.NoError(t, s.Close())
		other := filepath.Join(dir, "other")
		if name == "on a disk" {
			files, err := filepath.Glob(filepath.Join(dir, "*.wal"))
			require.NoError(t, err)
			for _, f := range files {
				require.NoError(t, os.Remove(f))
			}
			other = dir
		}
		_, err := etcdraft.Open(nil, other, o)
		if name == "in memory" {
			require.NoError(t, err, "it is another node")
			continue
		}
		require.ErrorIs(t, err, etcdraft.ErrNoLog, name)
		require.ErrorContains(t, err, "new id", name)
	}
}
