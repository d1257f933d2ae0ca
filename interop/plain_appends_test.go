package interop

import (
	"testing"

	"github.com/stretchr/testify/require"
	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/walpb"
)

// setSegmentSize changes the size of the segments that etcd creates, for one test, which must not
// be parallel.
func setSegmentSize(t *testing.T, bytes int64) {
	t.Helper()
	etcdwal.SegmentSizeBytes = bytes
	t.Cleanup(func() { etcdwal.SegmentSizeBytes = segmentSize })
}

// etcd opens a trailered log and appends plain records to its trailered segment. It has
// acknowledged them, so they are never taken for a torn tail, even if they hold zeros: the segment
// is plain from there on.
func TestWhatEtcdAppendsToATraileredSegmentIsPartOfTheLog(t *testing.T) {
	// There is room after CLOSED, which stands 4 KiB from the beginning. So etcd does not go on to a
	// segment of its own at once.
	setSegmentSize(t, 16*segmentSize)
	entry := func(data []byte) []*walpb.Entry {
		return []*walpb.Entry{{Term: 1, Index: 6, Data: data}}
	}
	begin := &walpb.Snapshot{}
	for name, o := range map[string]op{
		"an entry": {ents: entry([]byte("data"))},
		"an entry and a state": {ents: entry([]byte("data")),
			state: &walpb.HardState{Term: 1, Commit: 6}},
		"an entry without data":          {ents: entry(nil)},
		"an entry that ends in a zero":   {ents: entry([]byte("data\x00"))},
		"an entry with sectors of zeros": {ents: entry(append(make([]byte, 2000), 1))},
		"a state that ends in a zero":    {state: &walpb.HardState{Term: 1}},
		"a snapshot that ends in a zero": {snap: &walpb.Snapshot{Index: 5, Term: 1,
			ConfState: &walpb.ConfState{}}},
		"enough for the next segment":      {ents: entry(make([]byte, 200<<10))},
		"an entry over one that was there": {ents: []*walpb.Entry{{Term: 2, Index: 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, h := newDir(t), fiveEntries()
			writeOurs(t, dir, h, wal.WithSegmentSize(16*segmentSize))
			require.NoError(t, apply(t, openEtcd(t, dir, begin), nil, []op{o}).close())
			h.ops = append(h.ops, o)
			requireBothReadEntries(t, dir, h)
			before := segments(t, dir)
			_, err := recoverOurs(t, dir, begin, wal.WithSegmentSize(16*segmentSize))
			require.NoError(t, err)
			requireSameSegments(t, before, segments(t, dir))

			// What comes next is plain until the next segment, and etcd can go on from it again.
			last := h.at1(t).last(t)
			for i := range uint64(3) {
				next := op{ents: []*walpb.Entry{{Term: 3, Index: last + i + 1, Data: []byte{byte(i)}}}}
				h.ops = append(h.ops, next)
				open := func() saver { return openOurs(t, dir, begin, wal.WithSegmentSize(16*segmentSize)) }
				if i == 1 {
					open = func() saver { return openEtcd(t, dir, begin) }
				}
				require.NoError(t, apply(t, open(), nil, []op{next}).close())
				requireBothReadEntries(t, dir, h)
			}
		})
	}
}

// requireBothReadEntries requires that both implementations read from the beginning on what a
// history says.
func requireBothReadEntries(t *testing.T, dir string, h history) {
	t.Helper()
	want := h.at1(t)
	ours, err := readOurs(t, dir, &walpb.Snapshot{})
	require.NoError(t, err)
	require.Equal(t, want, ours)
	theirs, err := readEtcd(t, dir, &walpb.Snapshot{})
	require.NoError(t, err)
	require.Equal(t, want, theirs)
	report, err := wal.Verify(nil, dir)
	require.NoError(t, err)
	require.Nil(t, report.Torn)
	require.Equal(t, want.last(t), report.LastIndex)
}

// at1 returns what should be read of the whole log.
func (h history) at1(t *testing.T) contents {
	t.Helper()
	c, ok := h.at(&walpb.Snapshot{})
	require.True(t, ok)
	return c
}

// last returns the index of the last entry.
func (c contents) last(t *testing.T) uint64 {
	t.Helper()
	require.NotEmpty(t, c.ents)
	return c.ents[len(c.ents)-1].Index
}

// fiveEntries returns the history of a short log.
func fiveEntries() history {
	h := history{metadata: []byte("node")}
	for i := range uint64(5) {
		e := &walpb.Entry{Term: 1, Index: i + 1, Data: []byte("data")}
		h.ops = append(h.ops,
			op{ents: []*walpb.Entry{e}, state: &walpb.HardState{Term: 1, Vote: 1, Commit: i}})
	}
	return h
}
