package etcdraft_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/etcdraft"
	"github.com/seed449c39bc/wal/internal/crashfs"
)

// state is what a node's storage must hold: the model that crashes are judged by.
type state struct {
	hard     [3]uint64 // term, vote, commit
	terms    []uint64  // of the entries from first-1 on, the dummy's first
	first    uint64
	snapshot uint64
	durable  bool // it was acknowledged as durable
	begun    int  // the change of the disk before which nothing of it was written
	acked    int  // and the one after which it was acknowledged
}

func (m *state) last() uint64 { return m.first + uint64(len(m.terms)) - 2 }

func (m *state) term(i uint64) uint64 { return m.terms[i-(m.first-1)] }

// committed returns m with the commit index and the term raised as Open raises them.
func (m state) committed() state {
	if m.snapshot > 0 {
		m.hard[0] = max(m.hard[0], m.term(max(m.snapshot, m.first-1)))
		m.hard[2] = max(m.hard[2], m.snapshot)
	}
	return m
}

// crashLife is the life of one node whose disk keeps what happens.
type crashLife struct {
	t      *testing.T
	rnd    *rand.Rand
	s      *etcdraft.Storage
	record *crashfs.Record
	states []state
	term   uint64
}

// now returns the newest state.
func (l *crashLife) now() state {
	m := l.states[len(l.states)-1]
	m.terms = slices.Clone(m.terms)
	return m
}

// step does something to the Storage that leaves it in the state m.
func (l *crashLife) step(m state, durable bool, do func() error) {
	m.begun, m.durable = l.record.Len(), durable
	require.NoError(l.t, do())
	m.acked = l.record.Len()
	l.states = append(l.states, m)
}

// ready saves a Ready, or has Append do so.
func (l *crashLife) ready(rd raft.Ready) error {
	if l.rnd.IntN(2) == 0 {
		return l.s.Save(rd)
	}
	p, err := l.s.Append(&raftpb.Message{
		Type: ptr(raftpb.MsgStorageAppend), Term: rd.HardState.Term, Vote: rd.HardState.Vote,
		Commit: rd.HardState.Commit, Entries: rd.Entries, Snapshot: rd.Snapshot,
	})
	if err != nil {
		return err
	}
	return p.Wait()
}

// entries saves some, behind the last one or in place of what is not committed.
func (l *crashLife) entries() {
	m := l.now()
	lo := m.last() + 1
	if lo > m.hard[2]+1 && l.rnd.IntN(3) == 0 {
		lo = m.hard[2] + 1 + l.rnd.Uint64N(lo-m.hard[2]-1)
		l.term++
	}
	hi := lo + l.rnd.Uint64N(6)
	m.terms = m.terms[:lo-(m.first-1)]
	for range hi - lo + 1 {
		m.terms = append(m.terms, l.term)
	}
	m.hard = [3]uint64{l.term, l.rnd.Uint64N(4), max(m.hard[2], lo-1)}
	l.step(m, true, func() error {
		return l.ready(ready(hardState(m.hard[0], m.hard[1], m.hard[2]),
			entries(lo, hi, l.term, l.rnd.IntN(1500)+30), true))
	})
}

// commit saves a commit index, which need not be durable.
func (l *crashLife) commit() {
	m := l.now()
	m.hard[2] += l.rnd.Uint64N(m.last() - m.hard[2] + 1)
	if m.hard[0] == 0 {
		return
	}
	l.step(m, false, func() error {
		return l.s.Save(ready(hardState(m.hard[0], m.hard[1], m.hard[2]), nil, false))
	})
}

// snapshot makes one of what is committed.
func (l *crashLife) snapshot() {
	m := l.now()
	if m.hard[2] <= m.snapshot {
		return
	}
	m.snapshot += 1 + l.rnd.Uint64N(m.hard[2]-m.snapshot)
	l.step(m, true, func() error {
		return l.s.CreateSnapshot(m.snapshot, voters(1, 2, 3), text(dataAt(m.snapshot)))
	})
}

// dataAt is a snapshot's data, of several sectors.
func dataAt(index uint64) string { return fmt.Sprintf("%01000d", index) }

// receive saves a received snapshot, with entries behind it or without.
func (l *crashLife) receive() {
	m := l.now()
	at := m.hard[2] + 1 + l.rnd.Uint64N(10)
	l.term++
	m.first, m.snapshot, m.terms = at+1, at, []uint64{l.term}
	n := l.rnd.Uint64N(3)
	for range n {
		m.terms = append(m.terms, l.term)
	}
	m.hard = [3]uint64{l.term, 0, at}
	l.step(m, true, func() error {
		return l.ready(raft.Ready{
			HardState: hardState(l.term, 0, at), Snapshot: snapshotOf(at, l.term, dataAt(at)),
			Entries: entries(at+1, at+n, l.term, 50), MustSync: true,
		})
	})
}

func (l *crashLife) compact() {
	m := l.now()
	if m.snapshot < m.first {
		return
	}
	i := m.first + l.rnd.Uint64N(m.snapshot-m.first+1)
	m.terms, m.first = m.terms[i-(m.first-1):], i+1
	l.step(m, true, func() error { return l.s.Compact(i) })
}

// The power is cut at every moment of random lives: what was acknowledged is there, what is there
// is whole and goes together, and raft starts with it.
func TestStorage_CrashAtEveryMoment(t *testing.T) {
	lives := 6
	if v := os.Getenv("WAL_TEST_LIVES"); v != "" {
		n, err := strconv.Atoi(v)
		require.NoError(t, err)
		lives = n
	}
	for i := range lives {
		t.Run(strconv.Itoa(i), func(t *testing.T) { crashOne(t, random(t, uint64(i))) })
	}
}

func crashOne(t *testing.T, rnd *rand.Rand) {
	disk := crashfs.New(crashfs.Image{})
	l := &crashLife{t: t, rnd: rnd, record: disk.Record(), term: 1}
	o := etcdraft.Options{Tail: 4000, WAL: []wal.Option{smallSegments, on(disk)}}
	l.states = []state{{terms: []uint64{0}, first: 1, durable: true}}
	l.s = open(t, "node", o)
	made := l.record.Len()
	for range 40 {
		switch l.rnd.IntN(10) {
		case 0, 1:
			l.snapshot()
		case 2, 3:
			l.compact()
		case 4, 5:
			l.commit()
		case 6:
			l.receive()
		default:
			l.entries()
		}
	}
	require.NoError(t, l.s.Close())
	for m := l.record.Media(); m.Advance(); {
		if m.At() < made && rnd.IntN(4) > 0 {
			continue
		}
		im := m.Sample(rnd)
		l.judge(m.At(), made, etcdraft.Options{
			Tail: 4000, WAL: []wal.Option{smallSegments, on(crashfs.New(im.Clone()))},
		})
	}
}

// judge opens what a crash after a change has left.
func (l *crashLife) judge(at, made int, o etcdraft.Options) {
	t := l.t
	s, err := etcdraft.Open(nil, "node", o)
	require.NoError(t, err, "after change %d", at)
	defer s.Close()
	newest := 0 // the last state that has to be there
	for i, m := range l.states {
		if m.durable && m.acked <= at {
			newest = i
		}
	}
	var why []string
	for i := newest; i < len(l.states) && l.states[i].begun <= at; i++ {
		w := l.states[i].committed().differs(s)
		if w == "" {
			return
		}
		why = append(why, fmt.Sprintf("state %d: %s", i, w))
	}
	require.Fail(t, "no state is there", "after change %d: %v", at, why)
}

// differs says in what a Storage is not in the state m; "" if it is.
func (m state) differs(s *etcdraft.Storage) string {
	hs, cs, _ := s.InitialState()
	if got := [3]uint64{hs.GetTerm(), hs.GetVote(), hs.GetCommit()}; got != m.hard {
		return fmt.Sprintf("hard state %v, want %v", got, m.hard)
	}
	first, _ := s.FirstIndex()
	last, _ := s.LastIndex()
	// The entry behind a received snapshot serves as the one before the first, once there is a newer
	// one. And after a compaction up to entry 1, that entry is still there.
	other := first == m.first+1 && m.snapshot >= m.first || first == 1 && m.first == 2
	if last != m.last() || first != m.first && !other {
		return fmt.Sprintf("entries %d to %d, want %d to %d", first, last, m.first, m.last())
	}
	for i := max(first, m.first) - 1; i <= last; i++ {
		if term, err := s.Term(i); err != nil || term != m.term(i) {
			return fmt.Sprintf("term %d of entry %d, %v, want %d", term, i, err, m.term(i))
		}
	}
	ents, err := s.Entries(first, last+1, 1<<40)
	if err != nil || len(ents) != int(last+1-first) {
		return fmt.Sprintf("%d entries, %v", len(ents), err)
	}
	snapshot, _ := s.Snapshot()
	if got := snapshot.GetMetadata().GetIndex(); got != m.snapshot {
		return fmt.Sprintf("snapshot at %d, want %d", got, m.snapshot)
	}
	if m.snapshot > 0 {
		r, err := s.Snapshots().Open(m.snapshot, snapshot.GetMetadata().GetTerm())
		if err != nil {
			return err.Error()
		}
		defer r.Close()
		data, err := io.ReadAll(r)
		if err != nil || string(data) != dataAt(m.snapshot) || len(cs.GetVoters()) != 3 {
			return fmt.Sprintf("snapshot's data %.20q of members %v, %v", data, cs, err)
		}
	}
	if _, err := raft.NewRawNode(config(1, s)); err != nil {
		return err.Error()
	}
	return ""
}
