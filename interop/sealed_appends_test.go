package interop

import (
	"testing"

	"github.com/stretchr/testify/require"
	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/walpb"
)

// etcd opens a sealed log, and appends plain records to its sealed segment,
// which has no place for them: nothing in it may lack a trailer. That must be
// noticed, whatever the records are, and not be taken for a torn tail: etcd
// acknowledged them. A log that etcd is to write to has to be kept in etcd's format.
func TestWhatEtcdAppendsToASealedSegmentIsReportedAsCorruption(t *testing.T) {
	// Room behind CLOSED, which stands 4 KiB from the beginning, so that etcd does
	// not go on to a segment of its own at once.
	etcdwal.SegmentSizeBytes = 16 * segmentSize
	t.Cleanup(func() { etcdwal.SegmentSizeBytes = segmentSize })
	entry := func(data []byte) []*walpb.Entry {
		return []*walpb.Entry{{Term: 1, Index: 6, Data: data}}
	}
	for name, o := range map[string]op{
		"an entry":                         {ents: entry([]byte("data"))},
		"an entry and a state":             {ents: entry([]byte("data")), state: &walpb.HardState{Term: 1, Commit: 6}},
		"an entry without data":            {ents: entry(nil)},
		"an entry that ends in a zero":     {ents: entry([]byte("data\x00"))},
		"an entry with sectors of zeros":   {ents: entry(append(make([]byte, 2000), 1))},
		"a state that ends in a zero":      {state: &walpb.HardState{Term: 1}},
		"a snapshot that ends in a zero":   {snap: &walpb.Snapshot{Index: 5, Term: 1, ConfState: &walpb.ConfState{}}},
		"enough for the next segment":      {ents: entry(make([]byte, 200<<10))},
		"an entry over one that was there": {ents: []*walpb.Entry{{Term: 2, Index: 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newDir(t)
			writeOurs(t, dir, fiveEntries(), wal.WithSegmentSize(16*segmentSize))
			require.NoError(t, apply(t, openEtcd(t, dir, &walpb.Snapshot{}), nil, []op{o}).close())
			before := segments(t, dir)

			_, err := wal.Open(nil, dir, nil)
			require.ErrorIs(t, err, wal.ErrCorrupt)
			_, err = wal.OpenForRead(nil, dir, nil)
			require.ErrorIs(t, err, wal.ErrCorrupt)
			_, err = wal.Verify(nil, dir)
			require.ErrorIs(t, err, wal.ErrCorrupt)
			require.Equal(t, before, segments(t, dir), "what etcd appended is left alone")
		})
	}
}

// fiveEntries is a short log.
func fiveEntries() history {
	h := history{metadata: []byte("node")}
	for i := range uint64(5) {
		e := &walpb.Entry{Term: 1, Index: i + 1, Data: []byte("data")}
		h.ops = append(h.ops, op{ents: []*walpb.Entry{e}, state: &walpb.HardState{Term: 1, Vote: 1, Commit: i}})
	}
	return h
}
