package etcdraft_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/etcdraft"
	"github.com/seed449c39bc/wal/etcdraft/snap"
)

// dataOf returns the data of the newest snapshot.
func dataOf(t testing.TB, s *etcdraft.Storage) string {
	t.Helper()
	m, err := s.Snapshot()
	require.NoError(t, err)
	r, err := s.Snapshots().Open(m.GetMetadata().GetIndex(), m.GetMetadata().GetTerm())
	require.NoError(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(data)
}

func TestCreateSnapshot_RefusesWhatIsOldOrNotThere(t *testing.T) {
	s := open(t, t.TempDir(), etcdraft.Options{})
	never := func(io.Writer) error { return errors.New("not to be called") }
	require.True(t, s.CreateSnapshot(1, voters(1), never) == raft.ErrUnavailable)
	save(t, s, entries(1, 20, 1, 30))
	require.True(t, s.CreateSnapshot(0, voters(1), never) == raft.ErrSnapOutOfDate)
	require.True(t, s.CreateSnapshot(21, voters(1), never) == raft.ErrUnavailable)
	require.NoError(t, s.CreateSnapshot(10, voters(1), text("10")))
	require.True(t, s.CreateSnapshot(10, voters(1), never) == raft.ErrSnapOutOfDate)
	require.ErrorContains(t, s.CreateSnapshot(11, voters(1), never), "not to be called")
	require.Equal(t, "10", dataOf(t, s))
	require.NoError(t, s.CreateSnapshot(20, voters(1), text("20")))
	require.Equal(t, "20", dataOf(t, s))
	all, err := s.Snapshots().List()
	require.NoError(t, err)
	require.Len(t, all, 1, "older ones are deleted")
}

func TestCreateSnapshot_SavesGoOnMeanwhile(t *testing.T) {
	s := open(t, t.TempDir(), etcdraft.Options{})
	save(t, s, entries(1, 20, 1, 30))
	require.NoError(t, s.CreateSnapshot(10, voters(1), func(w io.Writer) error {
		save(t, s, entries(21, 30, 1, 30))
		_, err := io.WriteString(w, "ten")
		return err
	}))
	read(t, s, 1, 31)
	require.Equal(t, "ten", dataOf(t, s))
}

// While a snapshot is being made, raft receives a newer one.
func TestCreateSnapshot_IsOvertakenByAReceivedOne(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, etcdraft.Options{})
	save(t, s, entries(1, 20, 1, 30))
	err := s.CreateSnapshot(10, voters(1), func(w io.Writer) error {
		return s.Save(raft.Ready{Snapshot: snapshotOf(100, 3, "received"), MustSync: true})
	})
	require.True(t, err == raft.ErrSnapOutOfDate, "%v", err)
	for range 2 {
		require.Equal(t, "received", dataOf(t, s))
		first, last := bounds(t, s)
		require.EqualValues(t, 101, first)
		require.EqualValues(t, 100, last)
		require.NoError(t, s.Close())
		s = open(t, dir, etcdraft.Options{})
	}
}

func TestSave_AReceivedSnapshotNeedsItsData(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, etcdraft.Options{})
	save(t, s, entries(1, 20, 1, 30))
	received := raft.Ready{
		HardState: hardState(3, 1, 100), Snapshot: snapshotOf(100, 3, ""),
		Entries: entries(101, 105, 3, 30), MustSync: true,
	}
	require.ErrorIs(t, s.Save(received), etcdraft.ErrNoSnapshot)
	_, err := s.Append(appendMessage(received.Entries, received.HardState))
	require.Error(t, err, "a gap")
	read(t, s, 1, 21)

	other := open(t, t.TempDir(), etcdraft.Options{})
	require.NoError(t, other.Save(raft.Ready{Snapshot: snapshotOf(100, 3, "of another node")}))
	var stream bytes.Buffer
	require.NoError(t, other.Snapshots().Send(&stream, 100, 3))
	cut := bytes.NewReader(stream.Bytes()[:stream.Len()-1])
	_, err = s.Snapshots().Put(cut)
	require.ErrorIs(t, err, snap.ErrCorrupt)
	require.ErrorIs(t, s.Save(received), etcdraft.ErrNoSnapshot)
	m, err := s.Snapshots().Put(&stream)
	require.NoError(t, err)
	require.EqualValues(t, 100, m.Index)
	require.NoError(t, s.Save(received))
	for range 2 {
		require.Equal(t, "of another node", dataOf(t, s))
		read(t, s, 101, 106)
		_, cs, err := s.InitialState()
		require.NoError(t, err)
		require.Equal(t, []uint64{1, 2, 3}, cs.GetVoters())
		require.True(t, s.Save(received) == raft.ErrSnapOutOfDate)
		require.NoError(t, s.Close())
		s = open(t, dir, etcdraft.Options{})
	}
}

// Whatever hard state comes with it, raft starts with what was saved.
func TestSave_AReceivedSnapshotIsCommitted(t *testing.T) {
	for _, hs := range []*raftpb.HardState{nil, hardState(1, 0, 0), hardState(2, 1, 7)} {
		dir := t.TempDir()
		s := open(t, dir, etcdraft.Options{})
		require.NoError(t, s.Save(raft.Ready{HardState: hs, Snapshot: snapshotOf(9, 3, "nine")}))
		for range 2 {
			got, _, err := s.InitialState()
			require.NoError(t, err)
			require.EqualValues(t, 9, got.GetCommit())
			require.EqualValues(t, 3, got.GetTerm())
			_, err = raft.NewRawNode(config(1, s))
			require.NoError(t, err)
			require.NoError(t, s.Close())
			s = open(t, dir, etcdraft.Options{})
		}
	}
}

func TestCompact_OnlyWhatASnapshotHas(t *testing.T) {
	s := open(t, t.TempDir(), etcdraft.Options{WAL: []wal.Option{smallSegments}})
	save(t, s, entries(1, 100, 1, 500))
	require.ErrorIs(t, s.Compact(1), wal.ErrInvalidArgument)
	require.NoError(t, s.CreateSnapshot(50, voters(1), text("50")))
	require.ErrorIs(t, s.Compact(51), wal.ErrInvalidArgument)
	require.NoError(t, s.Compact(50))
	require.True(t, s.Compact(50) == raft.ErrCompacted)
	require.True(t, s.Compact(3) == raft.ErrCompacted)
	term, err := s.Term(50)
	require.NoError(t, err)
	require.EqualValues(t, 1, term)
	read(t, s, 51, 101)
}

// readAround reads what there is, and returns an error if it does not go together.
func readAround(s *etcdraft.Storage) error {
	first, _ := s.FirstIndex()
	last, _ := s.LastIndex()
	m, _ := s.Snapshot()
	if at := m.GetMetadata().GetIndex(); at < first-1 {
		return fmt.Errorf("entries begin at %d, the snapshot is at %d", first, at)
	}
	if _, err := s.Term(last); err != nil {
		return err
	}
	_, err := s.Entries(first, max(first, last+1), 5000)
	return err
}

// A node that lags receives one snapshot after the other, and keeps the last one.
func TestSave_ReceivedSnapshotsDoNotPileUp(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, etcdraft.Options{})
	files := func() int {
		all, err := s.Snapshots().List()
		require.NoError(t, err)
		return len(all)
	}
	for i := uint64(10); i < 60; i += 10 {
		require.NoError(t, s.Save(raft.Ready{Snapshot: snapshotOf(i, 3, "received")}))
		require.Equal(t, 1, files())
	}
	for i := uint64(60); i < 90; i += 10 {
		m := appendMessage(nil, hardState(3, 1, i))
		m.Snapshot = snapshotOf(i, 3, "received")
		p, err := s.Append(m)
		require.NoError(t, err)
		require.NoError(t, p.Wait())
	}
	require.NoError(t, s.Close())
	s = open(t, dir, etcdraft.Options{})
	require.Equal(t, 1, files())
	require.Equal(t, "received", dataOf(t, s))
}

func TestSave_PassesOverWhatIsCompacted(t *testing.T) {
	s := open(t, t.TempDir(), etcdraft.Options{})
	save(t, s, entries(1, 100, 1, 50))
	require.NoError(t, s.CreateSnapshot(50, voters(1), text("50")))
	require.NoError(t, s.Compact(50))
	save(t, s, entries(40, 60, 2, 50))
	first, last := bounds(t, s)
	require.EqualValues(t, 51, first)
	require.EqualValues(t, 60, last)
	require.Equal(t, []string{"51/2", "52/2"}, read(t, s, 51, 53))
	term, err := s.Term(50)
	require.NoError(t, err)
	require.EqualValues(t, 1, term)
	require.NoError(t, s.Save(ready(nil, entries(10, 20, 2, 50), true)))
	_, last = bounds(t, s)
	require.EqualValues(t, 60, last)
}

func TestOpen_InMemory(t *testing.T) {
	o := etcdraft.Options{WAL: []wal.Option{wal.WithMemory(wal.NewMemory())}}
	for i := uint64(1); i < 4; i++ {
		s := open(t, "/node", o)
		save(t, s, entries(i, i, 1, 50))
		require.NoError(t, s.CreateSnapshot(i, voters(1), text("state")))
		require.Equal(t, "state", dataOf(t, s))
		s.Abandon()
	}
}

func TestCreateSnapshot_KeepsTheMembersThatHaveNotChanged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, etcdraft.Options{Bootstrap: voters(1, 2, 3)})
	save(t, s, entries(2, 9, 1, 30))
	require.NoError(t, s.CreateSnapshot(5, nil, text("5")))
	for range 2 {
		_, cs, err := s.InitialState()
		require.NoError(t, err)
		require.Equal(t, []uint64{1, 2, 3}, cs.GetVoters())
		require.NoError(t, s.Close())
		s = open(t, dir, etcdraft.Options{})
	}
}

// Raft never has such entries. What Open finds would not be what was there before.
func TestSave_RefusesEntriesThatAreNoLog(t *testing.T) {
	s := open(t, t.TempDir(), etcdraft.Options{})
	save(t, s, entries(1, 9, 3, 30))
	odd := func(ents []*raftpb.Entry, i int, e *raftpb.Entry) []*raftpb.Entry {
		ents[i] = e
		return ents
	}
	for name, ents := range map[string][]*raftpb.Entry{
		"a lower term":            entries(10, 12, 2, 30),
		"a lower term among them": append(entries(10, 12, 4, 30), entries(13, 14, 3, 30)...),
		"a gap among them":        append(entries(10, 12, 4, 30), entries(14, 14, 4, 30)...),
		"nil at first":            odd(entries(10, 12, 4, 30), 0, nil),
		"nil":                     odd(entries(10, 12, 4, 30), 1, nil),
		"index 0":                 entries(0, 3, 4, 30),
	} {
		require.ErrorIs(t, s.Save(ready(nil, ents, true)), wal.ErrInvalidArgument, name)
		require.ErrorIs(t, s.Save(raft.Ready{
			Snapshot: snapshotOf(9, 4, "nine"), Entries: ents,
		}), wal.ErrInvalidArgument, name)
	}
	require.ErrorIs(t, s.Save(ready(nil, entries(11, 12, 3, 30), true)), wal.ErrIndexGap)
	read(t, s, 1, 10)
	_, last := bounds(t, s)
	require.EqualValues(t, 9, last)
}

// Everything at once, for the race detector and for what must hold at every moment.
func TestStorage_AllMethodsBesideEachOther(t *testing.T) {
	s := open(t, t.TempDir(), etcdraft.Options{
		Tail: 10000, WAL: []wal.Option{smallSegments, wal.WithNoSync()},
	})
	save(t, s, entries(1, 10, 1, 100))
	var done atomic.Bool
	var wait sync.WaitGroup
	loop := func(f func() error) {
		wait.Go(func() {
			for !done.Load() {
				switch err := f(); err {
				case nil, raft.ErrSnapOutOfDate, raft.ErrCompacted, raft.ErrUnavailable:
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	loop(func() error {
		hs, _, _ := s.InitialState()
		return s.CreateSnapshot(hs.GetCommit(), voters(1), text("state"))
	})
	loop(func() error {
		m, _ := s.Snapshot()
		if i := m.GetMetadata().GetIndex(); i > 5 {
			return s.Compact(i - 5)
		}
		return nil
	})
	loop(func() error { return readAround(s) })
	loop(func() error { return readAround(s) })
	for i := uint64(11); i < 3000; i += 3 {
		save(t, s, entries(i, i+2, i/100+1, 100))
		if i%300 == 11 && i > 400 {
			i += 50
			require.NoError(t, s.Save(raft.Ready{
				HardState: hardState(i/100+1, 1, i), Snapshot: snapshotOf(i, i/100+1, "received"),
			}))
			i -= 2
		}
	}
	done.Store(true)
	wait.Wait()
}
