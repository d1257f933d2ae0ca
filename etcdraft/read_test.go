package etcdraft_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/etcdraft"
	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/faultfs"
)

// tails are limits that leave all, some and none of the entries in memory.
var tails = map[string]int{"in memory": 0, "partly in memory": 2000, "from the log": -1}

func TestEntries_OfAnyRangeFromMemoryAndFromTheLog(t *testing.T) {
	for name, tail := range tails {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), etcdraft.Options{Tail: tail, WAL: []wal.Option{smallSegments}})
			save(t, s, entries(1, 30, 1, 100))
			save(t, s, entries(20, 40, 2, 100))
			for lo := uint64(1); lo <= 41; lo++ {
				for hi := lo; hi <= 41; hi++ {
					for i, is := range read(t, s, lo, hi) {
						at := lo + uint64(i)
						term := 1
						if at >= 20 {
							term = 2
						}
						require.Equal(t, fmt.Sprintf("%d/%d", at, term), is)
					}
				}
			}
			_, err := s.Entries(0, 3, 1<<20)
			require.True(t, err == raft.ErrCompacted)
			_, err = s.Entries(1, 42, 1<<20)
			require.True(t, err == raft.ErrUnavailable)
		})
	}
}

func TestEntries_LimitsTheirSizeAcrossMemoryAndLog(t *testing.T) {
	for name, tail := range tails {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), etcdraft.Options{Tail: tail})
			m := raft.NewMemoryStorage()
			ents := entries(1, 30, 1, 100)
			save(t, s, ents)
			require.NoError(t, m.Append(ents))
			for _, lo := range []uint64{1, 15, 25, 30} {
				for size := uint64(0); size < 4000; size += 37 {
					want, err := m.Entries(lo, 31, size)
					require.NoError(t, err)
					got, err := s.Entries(lo, 31, size)
					require.NoError(t, err)
					require.Len(t, got, len(want), "from %d, at most %d bytes", lo, size)
				}
			}
		})
	}
}

// What Append has begun is not written yet, and the log still has what it replaces. Without a tail
// Entries waits for it.
func TestEntries_OfASaveOnItsWayAreTheNewOnes(t *testing.T) {
	disk := faultfs.New()
	s := open(t, t.TempDir(), etcdraft.Options{Tail: -1, WAL: []wal.Option{on(disk)}})
	save(t, s, entries(1, 30, 1, 100))
	for term := uint64(2); term < 10; term++ {
		written := make(chan struct{})
		disk.Fail(func(c faultfs.Call) (int, error) {
			if c.Kind == faultfs.Write {
				<-written
			}
			return 0, nil
		})
		lo := 30 - term
		p, err := s.Append(appendMessage(entries(lo, 30, term, 100), nil))
		require.NoError(t, err)
		time.AfterFunc(10*time.Millisecond, func() { close(written) }) // long after a wrong answer
		for _, is := range read(t, s, lo, 31) {
			require.Regexp(t, fmt.Sprintf("/%d$", term), is)
		}
		require.NoError(t, p.Wait())
	}
}

// Several saves are on their way: what is read was replaced by an earlier one of them.
func TestEntries_OfSavesOnTheirWayAreTheNewOnes(t *testing.T) {
	disk := faultfs.New()
	s := open(t, t.TempDir(), etcdraft.Options{Tail: -1, WAL: []wal.Option{on(disk)}})
	save(t, s, entries(1, 30, 1, 100))
	written := make(chan struct{})
	disk.Fail(func(c faultfs.Call) (int, error) {
		if c.Kind == faultfs.Write {
			<-written
		}
		return 0, nil
	})
	for i := uint64(20); i < 30; i++ {
		_, err := s.Append(appendMessage(entries(i, i, 2, 100), nil))
		require.NoError(t, err)
	}
	time.AfterFunc(10*time.Millisecond, func() { close(written) })
	require.Equal(t, []string{"20/2", "21/2"}, read(t, s, 20, 22))
}

// appendMessage is what raft sends to the thread that appends.
func appendMessage(
	ents []*raftpb.Entry, hs *raftpb.HardState, responses ...*raftpb.Message,
) *raftpb.Message {
	m := &raftpb.Message{
		Type: ptr(raftpb.MsgStorageAppend), To: ptr(raft.LocalAppendThread), Entries: ents,
		Responses: responses,
	}
	if hs != nil {
		m.Term, m.Vote, m.Commit = hs.Term, hs.Vote, hs.Commit
	}
	return m
}

func TestEntries_NeverMixTwoLogsBesideOverwrites(t *testing.T) {
	for name, tail := range tails {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), etcdraft.Options{
				Tail: tail, WAL: []wal.Option{smallSegments, wal.WithNoSync()},
			})
			save(t, s, entries(1, 40, 1, 100))
			var wait sync.WaitGroup
			done := make(chan struct{})
			for range 3 {
				wait.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
						}
						ents, err := s.Entries(11, 41, 1<<20)
						if err == raft.ErrUnavailable {
							continue // the log is shorter for a moment
						}
						if err != nil || len(ents) != 30 {
							t.Errorf("%d entries, %v", len(ents), err)
							return
						}
						for i := range ents[1:] {
							if a, b := ents[i].GetTerm(), ents[i+1].GetTerm(); a > b {
								t.Errorf("term %d before %d at %d", a, b, ents[i].GetIndex())
								return
							}
						}
					}
				})
			}
			for term := uint64(2); term < 300; term++ {
				ents := entries(11+term%20, 40, term, 100)
				if term%2 == 0 {
					save(t, s, ents)
					continue
				}
				_, err := s.Append(appendMessage(ents, nil))
				require.NoError(t, err)
			}
			close(done)
			wait.Wait()
		})
	}
}

func TestEntries_TellsOnErrorWhyTheyCannotBeRead(t *testing.T) {
	disk := crashfs.New(crashfs.Image{})
	var told error
	s := open(t, "node", etcdraft.Options{
		Tail: -1, OnError: func(err error) { told = err }, WAL: []wal.Option{on(disk)},
	})
	save(t, s, entries(1, 30, 1, 100))
	_, err := s.Entries(1, 50, 1<<20)
	require.True(t, err == raft.ErrUnavailable)
	require.NoError(t, told, "raft knows this one")
	bad := errors.New("bad sector")
	disk.Inject(func(c faultfs.Call) *crashfs.Fault {
		if c.Kind == faultfs.Read {
			return &crashfs.Fault{Err: bad}
		}
		return nil
	})
	_, err = s.Entries(1, 31, 1<<20)
	disk.Inject(nil)
	require.ErrorIs(t, err, bad)
	require.ErrorContains(t, err, "from 1 to 30")
	require.Equal(t, err, told)
	read(t, s, 1, 31)
}

// Whoever is told may close the Storage, while another goroutine saves.
func TestEntries_OnErrorMayClose(t *testing.T) {
	disk := crashfs.New(crashfs.Image{})
	var s *etcdraft.Storage
	saving := make(chan error, 1)
	s = open(t, "node", etcdraft.Options{Tail: -1, WAL: []wal.Option{on(disk)}, OnError: func(error) {
		disk.Inject(nil)
		go func() { saving <- s.Save(ready(hardState(2, 1, 9), entries(10, 20, 2, 100), true)) }()
		<-saving
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}})
	save(t, s, entries(1, 30, 1, 100))
	bad := errors.New("bad sector")
	disk.Inject(func(c faultfs.Call) *crashfs.Fault {
		if c.Kind == faultfs.Read {
			return &crashfs.Fault{Err: bad}
		}
		return nil
	})
	_, err := s.Entries(1, 31, 1<<20)
	require.ErrorIs(t, err, bad)
}

func TestEntries_BesideCompactionAreTheEntriesOrCompacted(t *testing.T) {
	s := open(t, t.TempDir(), etcdraft.Options{
		Tail: -1, WAL: []wal.Option{smallSegments, wal.WithNoSync()},
	})
	save(t, s, entries(1, 2000, 1, 100))
	require.NoError(t, s.CreateSnapshot(2000, voters(1), text("2000")))
	var wait sync.WaitGroup
	for g := range 3 {
		wait.Go(func() {
			for lo := uint64(g + 1); lo < 1990; lo += 7 {
				ents, err := s.Entries(lo, lo+10, 1<<20)
				switch {
				case err == raft.ErrCompacted:
				case err != nil:
					t.Errorf("%d: %v", lo, err)
				case len(ents) != 10 || ents[0].GetIndex() != lo:
					t.Errorf("%d: %d entries", lo, len(ents))
				}
			}
		})
	}
	for i := uint64(10); i < 2000; i += 50 {
		require.NoError(t, s.Compact(i))
	}
	wait.Wait()
}

func TestStorage_KnowsIndexesAndTermsWithoutAllocating(t *testing.T) {
	s := open(t, t.TempDir(), etcdraft.Options{})
	for term := uint64(1); term <= 50; term++ {
		save(t, s, entries(term*10-9, term*10, term, 10))
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i := uint64(1); i <= 500; i += 37 {
			_, _ = s.Term(i)
		}
		_, _ = s.FirstIndex()
		_, _ = s.LastIndex()
	}))
}
