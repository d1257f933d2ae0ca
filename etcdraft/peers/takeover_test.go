package peers_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/seed449c39bc/wal/etcdraft"
	"github.com/seed449c39bc/wal/etcdraft/snap"
)

// member is the directory of a member of etcd, and what it lives through.
type member struct {
	t    *testing.T
	dir  string
	s    *etcd
	last uint64
	term uint64
}

// newMember makes one as etcd's server does: with the ids in the metadata of the log.
func newMember(t *testing.T, metadata []byte) *member {
	m := &member{t: t, dir: t.TempDir(), term: 1}
	w, err := etcdwal.Create(zap.NewNop(), filepath.Join(m.dir, "wal"), metadata)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	m.s, err = openEtcd(m.dir, true)
	require.NoError(t, err)
	return m
}

// ids are the metadata of a member.
func ids(t *testing.T) []byte {
	b, err := proto.Marshal(&pb.Metadata{NodeID: new(uint64(7)), ClusterID: new(uint64(1 << 60))})
	require.NoError(t, err)
	return b
}

// save saves entries up to hi, a few at a time. In the end they are committed up to commit.
func (m *member) save(hi, commit uint64, size int) {
	for m.last+20 < hi {
		m.saveOne(m.last+20, min(commit, m.last), size)
	}
	m.saveOne(hi, commit, size)
}

func (m *member) saveOne(hi, commit uint64, size int) {
	var ents []*raftpb.Entry
	for i := m.last + 1; i <= hi; i++ {
		data := make([]byte, size)
		copy(data, fmt.Sprintf("entry %d of term %d", i, m.term))
		ents = append(ents, &raftpb.Entry{Index: new(i), Term: new(m.term), Data: data})
	}
	m.last = hi
	require.NoError(m.t, m.s.Save(raft.Ready{
		HardState: &raftpb.HardState{Term: new(m.term), Vote: new(uint64(2)), Commit: &commit},
		Entries:   ents, MustSync: true,
	}))
}

// snapshot makes one.
func (m *member) snapshot(at uint64) {
	require.NoError(m.t, m.s.CreateSnapshot(at, &raftpb.ConfState{Voters: []uint64{1, 2, 3}},
		func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "state at %d", at)
			return err
		}))
}

// receive receives one from another member.
func (m *member) receive(at uint64) {
	m.last = at
	require.NoError(m.t, m.s.Save(raft.Ready{
		HardState: &raftpb.HardState{Term: new(m.term), Vote: new(uint64(2)), Commit: &at},
		Snapshot: &raftpb.Snapshot{
			Data: fmt.Appendf(nil, "state at %d", at),
			Metadata: &raftpb.SnapshotMetadata{
				Index: &at, Term: new(m.term), ConfState: &raftpb.ConfState{Voters: []uint64{1, 2, 3}},
			},
		},
		MustSync: true,
	}))
}

// takeOver opens the member's directory.
func takeOver(t *testing.T, dir string) (*etcdraft.Storage, error) {
	snaps, err := snap.Open(filepath.Join(dir, "snap"))
	require.NoError(t, err)
	t.Cleanup(func() { snaps.Close() })
	return etcdraft.Open(nil, filepath.Join(dir, "wal"), etcdraft.Options{Snapshots: snaps})
}

// requireSame compares what etcd finds in a member's directory with what a Storage has.
func requireSame(t *testing.T, want *etcd, got *etcdraft.Storage) {
	wantHard, _, err := want.InitialState()
	require.NoError(t, err)
	hard, members, err := got.InitialState()
	require.NoError(t, err)
	wantSnap, err := want.Snapshot()
	require.NoError(t, err)
	at, term := wantSnap.GetMetadata().GetIndex(), wantSnap.GetMetadata().GetTerm()
	require.Equal(t, wantHard.GetTerm(), hard.GetTerm())
	require.Equal(t, wantHard.GetVote(), hard.GetVote())
	require.Equal(t, max(wantHard.GetCommit(), at), hard.GetCommit())
	gotSnap, err := got.Snapshot()
	require.NoError(t, err)
	require.Equal(t, at, gotSnap.GetMetadata().GetIndex())
	require.Equal(t, wantSnap.GetMetadata().GetConfState().GetVoters(), members.GetVoters())
	if at > 0 {
		r, err := got.Snapshots().Open(at, term)
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, wantSnap.GetData(), data)
		require.NoError(t, r.Close())
	}
	wantLast, err := want.LastIndex()
	require.NoError(t, err)
	last, err := got.LastIndex()
	require.NoError(t, err)
	require.Equal(t, wantLast, last)
	for i := at + 1; i <= last; i++ {
		a, err := want.Entries(i, i+1, 1<<40)
		require.NoError(t, err)
		b, err := got.Entries(i, i+1, 1<<40)
		require.NoError(t, err)
		require.True(t, proto.Equal(a[0], b[0]), "%v is not %v", b[0], a[0])
		term, err := got.Term(i)
		require.NoError(t, err)
		require.Equal(t, a[0].GetTerm(), term)
	}
}

// goesOn has the Storage live on.
func goesOn(t *testing.T, dir string, s *etcdraft.Storage) {
	last, err := s.LastIndex()
	require.NoError(t, err)
	at, term := last+10, uint64(1000)
	received := &raftpb.Snapshot{Data: []byte("received"), Metadata: &raftpb.SnapshotMetadata{
		Index: &at, Term: &term, ConfState: &raftpb.ConfState{Voters: []uint64{4}},
	}}
	i := last + 1
	require.NoError(t, s.Save(raft.Ready{
		HardState: &raftpb.HardState{Term: &term, Vote: new(uint64(3)), Commit: &i},
		Entries:   []*raftpb.Entry{{Index: &i, Term: &term, Data: []byte("x")}}, MustSync: true,
	}))
	require.NoError(t, s.Save(raft.Ready{Snapshot: received, MustSync: true}))
	require.NoError(t, s.Close())
	s, err = takeOver(t, dir)
	require.NoError(t, err)
	first, err := s.FirstIndex()
	require.NoError(t, err)
	require.Equal(t, at+1, first)
	_, cs, err := s.InitialState()
	require.NoError(t, err)
	require.Equal(t, []uint64{4}, cs.GetVoters())
	require.NoError(t, s.Close())
}

var lives = map[string]func(m *member){
	"nothing saved": func(*member) {},
	"no snapshot":   func(m *member) { m.save(50, 40, 100) },
	"many segments": func(m *member) {
		m.save(300, 290, 1000)
		m.term = 4
		m.save(400, 390, 1000)
	},
	"a snapshot": func(m *member) {
		m.save(300, 290, 1000)
		m.snapshot(200)
		m.save(310, 300, 10)
	},
	"two snapshots": func(m *member) {
		m.save(300, 290, 1000)
		m.snapshot(200)
		m.snapshot(280)
	},
	"a received one": func(m *member) {
		m.save(30, 20, 100)
		m.term = 3
		m.receive(100)
		m.save(120, 110, 99)
	},
	"received last": func(m *member) {
		m.save(30, 20, 100)
		m.term = 3
		m.receive(100)
	},
	"overwritten": func(m *member) {
		m.save(30, 20, 100)
		m.term, m.last = 3, 22
		m.save(25, 24, 99)
	},
}

func TestTakeover_OfAMemberIsWhatEtcdFinds(t *testing.T) {
	old := etcdwal.SegmentSizeBytes
	etcdwal.SegmentSizeBytes = 64 << 10
	t.Cleanup(func() { etcdwal.SegmentSizeBytes = old })
	for name, live := range lives {
		for _, metadata := range [][]byte{nil, ids(t)} {
			t.Run(fmt.Sprint(name, ", ", len(metadata), " bytes of metadata"), func(t *testing.T) {
				m := newMember(t, metadata)
				live(m)
				require.NoError(t, m.s.Close())
				want, err := openEtcd(m.dir, true)
				require.NoError(t, err)
				require.NoError(t, want.Close())
				s, err := takeOver(t, m.dir)
				require.NoError(t, err)
				requireSame(t, want, s)
				require.Equal(t, metadata, s.Metadata())
				goesOn(t, m.dir, s)
			})
		}
	}
}

// A snapshot that etcd has received lies inside its log, whose entries have another term.
func TestTakeover_NothingIsLeftOfWhatASnapshotHasReplaced(t *testing.T) {
	for name, more := range map[string]uint64{"nothing behind it": 70, "entries behind it": 75} {
		t.Run(name, func(t *testing.T) {
			m := newMember(t, ids(t))
			m.save(100, 40, 100)
			m.term = 2
			m.receive(70)
			if more > 70 {
				m.save(more, 71, 100)
			}
			require.NoError(t, m.s.Close())
			for range 2 {
				s, err := takeOver(t, m.dir)
				require.NoError(t, err)
				first, err := s.FirstIndex()
				require.NoError(t, err)
				require.EqualValues(t, 71, first)
				last, err := s.LastIndex()
				require.NoError(t, err)
				require.Equal(t, more, last)
				for i := uint64(70); i <= last; i++ {
					term, err := s.Term(i)
					require.NoError(t, err)
					require.EqualValues(t, 2, term)
				}
				require.NoError(t, s.Close())
			}
		})
	}
}

// etcd releases what its snapshots cover, and purges it.
func TestTakeover_OfAMemberWhoseOldSegmentsAreGone(t *testing.T) {
	old := etcdwal.SegmentSizeBytes
	etcdwal.SegmentSizeBytes = 64 << 10
	t.Cleanup(func() { etcdwal.SegmentSizeBytes = old })
	m := newMember(t, ids(t))
	m.save(500, 500, 1000)
	m.snapshot(450)
	m.save(520, 510, 1000)
	require.NoError(t, m.s.Close())
	segments, err := filepath.Glob(filepath.Join(m.dir, "wal", "*.wal"))
	require.NoError(t, err)
	require.Greater(t, len(segments), 5)
	for _, name := range segments[:4] { // those that etcd's purge takes first
		require.NoError(t, os.Remove(name))
	}
	want, err := openEtcd(m.dir, true)
	require.NoError(t, err)
	require.NoError(t, want.Close())
	s, err := takeOver(t, m.dir)
	require.NoError(t, err)
	requireSame(t, want, s)
	first, err := s.FirstIndex()
	require.NoError(t, err)
	require.Greater(t, first, uint64(100))
	require.Less(t, first, uint64(450), "followers that lag")
	goesOn(t, m.dir, s)
}

// A member that was killed in the middle of a save.
func TestTakeover_OfAMemberThatWasKilled(t *testing.T) {
	m := newMember(t, ids(t))
	m.save(50, 40, 100)
	m.snapshot(30)
	require.NoError(t, m.s.Close())
	segments, err := filepath.Glob(filepath.Join(m.dir, "wal", "*.wal"))
	require.NoError(t, err)
	b, err := os.ReadFile(segments[len(segments)-1])
	require.NoError(t, err)
	end := len(bytes.TrimRight(b, "\x00"))
	rnd := rand.New(rand.NewPCG(1, 0))
	for range 20 {
		clear(b[end-rnd.IntN(100):])
		require.NoError(t, os.WriteFile(segments[len(segments)-1], b, 0o600))
		s, err := takeOver(t, m.dir)
		require.NoError(t, err)
		require.NoError(t, s.Close())
		want, err := openEtcd(m.dir, true)
		require.NoError(t, err)
		s, err = takeOver(t, m.dir)
		require.ErrorContains(t, err, "locked", "%v", s)
		require.NoError(t, want.Close())
		s, err = takeOver(t, m.dir)
		require.NoError(t, err)
		requireSame(t, want, s)
		require.NoError(t, s.Close())
	}
}

// A .snap file that is damaged or gone is not passed over: the log says which one is the newest.
func TestTakeover_NeedsTheNewestSnapshot(t *testing.T) {
	m := newMember(t, ids(t))
	m.save(50, 40, 100)
	m.snapshot(20)
	m.snapshot(30)
	require.NoError(t, m.s.Close())
	files, err := filepath.Glob(filepath.Join(m.dir, "snap", "*.snap"))
	require.NoError(t, err)
	newest := files[len(files)-1]
	whole, err := os.ReadFile(newest)
	require.NoError(t, err)
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 0x10
		require.NoError(t, os.WriteFile(newest, b, 0o600))
		_, err := takeOver(t, m.dir)
		require.ErrorIs(t, err, etcdraft.ErrNoSnapshot, "byte %d", i)
		require.ErrorIs(t, err, snap.ErrCorrupt, "byte %d", i)
	}
	for n := range whole {
		require.NoError(t, os.WriteFile(newest, whole[:n], 0o600))
		_, err := takeOver(t, m.dir)
		require.ErrorIs(t, err, snap.ErrCorrupt, "cut at %d", n)
	}
	require.NoError(t, os.Remove(newest))
	_, err = takeOver(t, m.dir)
	require.ErrorIs(t, err, etcdraft.ErrNoSnapshot)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(newest, whole, 0o600))
	s, err := takeOver(t, m.dir)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}
