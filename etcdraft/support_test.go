package etcdraft_test

import (
	"fmt"
	"io"
	stdlog "log"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/etcdraft"
	"github.com/seed449c39bc/wal/internal/access"
	"github.com/seed449c39bc/wal/internal/vfs"
)

// smallSegments makes logs of a few entries have several segments.
var smallSegments = wal.WithSegmentSize(16 << 10)

// on keeps a log on another file system.
func on(fsys vfs.FS) wal.Option { return access.WithFS(fsys).(wal.Option) }

// open opens a Storage in dir, and closes it at the end of the test.
func open(t testing.TB, dir string, o etcdraft.Options) *etcdraft.Storage {
	t.Helper()
	s, err := etcdraft.Open(nil, dir, o)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func ptr[T any](v T) *T { return &v }

// voters are members of a cluster.
func voters(ids ...uint64) *raftpb.ConfState {
	return &raftpb.ConfState{Voters: ids, AutoLeave: ptr(false)}
}

// hardState is one of raft's.
func hardState(term, vote, commit uint64) *raftpb.HardState {
	return &raftpb.HardState{Term: &term, Vote: &vote, Commit: &commit}
}

// entries are those from lo to hi, of one term, with size bytes of data each.
func entries(lo, hi, term uint64, size int) (ents []*raftpb.Entry) {
	for i := lo; i <= hi; i++ {
		data := make([]byte, size)
		copy(data, fmt.Sprintf("entry %d of term %d", i, term))
		ents = append(ents, &raftpb.Entry{
			Index: ptr(i), Term: ptr(term), Type: ptr(raftpb.EntryNormal), Data: data,
		})
	}
	return ents
}

// save saves entries and a state that commits them, as one.
func save(t testing.TB, s *etcdraft.Storage, ents []*raftpb.Entry) {
	t.Helper()
	last := ents[len(ents)-1]
	require.NoError(t, s.Save(raft.Ready{
		HardState: hardState(last.GetTerm(), 1, last.GetIndex()), Entries: ents, MustSync: true,
	}))
}

// snapshotOf is a snapshot as raft has it.
func snapshotOf(index, term uint64, data string) *raftpb.Snapshot {
	return &raftpb.Snapshot{Data: []byte(data), Metadata: &raftpb.SnapshotMetadata{
		Index: &index, Term: &term, ConfState: voters(1, 2, 3),
	}}
}

// text writes a snapshot's data.
func text(data string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, data)
		return err
	}
}

// read returns entries [lo, hi) as "index/term".
func read(t testing.TB, s *etcdraft.Storage, lo, hi uint64) (got []string) {
	t.Helper()
	ents, err := s.Entries(lo, hi, 1<<40)
	require.NoError(t, err)
	for _, e := range ents {
		is := fmt.Sprintf("entry %d of term %d", e.GetIndex(), e.GetTerm())
		require.Contains(t, string(e.GetData()), is)
		got = append(got, fmt.Sprintf("%d/%d", e.GetIndex(), e.GetTerm()))
	}
	require.Len(t, got, int(hi-lo))
	return got
}

// bounds returns the first and the last index.
func bounds(t testing.TB, s *etcdraft.Storage) (first, last uint64) {
	t.Helper()
	first, err := s.FirstIndex()
	require.NoError(t, err)
	last, err = s.LastIndex()
	require.NoError(t, err)
	return first, last
}

var quiet = &raft.DefaultLogger{Logger: stdlog.New(io.Discard, "", 0)}

// config is that of a raft node.
func config(id uint64, s raft.Storage) *raft.Config {
	return &raft.Config{
		ID: id, ElectionTick: 10, HeartbeatTick: 1, Storage: s, MaxSizePerMsg: 1 << 20,
		MaxInflightMsgs: 16, Logger: quiet,
	}
}

// random returns numbers that are the same in every run, unless WAL_TEST_SEED gives another seed.
func random(t testing.TB, seed uint64) *rand.Rand {
	if v := os.Getenv("WAL_TEST_SEED"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		require.NoError(t, err)
		seed = n
	}
	t.Logf("WAL_TEST_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// ready is what raft asks to be saved.
func ready(hs *raftpb.HardState, ents []*raftpb.Entry, sync bool) raft.Ready {
	return raft.Ready{HardState: hs, Entries: ents, MustSync: sync}
}
