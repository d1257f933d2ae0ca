package interop

import (
	"encoding/hex"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

func TestTheReferenceVectorIsWhatBothWrite(t *testing.T) {
	want, err := hex.DecodeString(strings.Join(strings.Fields(`
		0400000000000084 08041000 00000000
		1200000000000086 08011085d4fda0071a08736f6d6564617461 000000000000
		0e00000000000082 08051080db81c1011a0408001000 0000`), ""))
	require.NoError(t, err)
	h := history{metadata: []byte("somedata")}
	theirs, ours := newDir(t), newDir(t)
	writeEtcd(t, theirs, h)
	writeOurs(t, ours, h, wal.WithEtcdFormat())
	for _, dir := range []string{theirs, ours} {
		fs := segments(t, dir)
		require.Equal(t, []string{"0000000000000000-0000000000000000.wal"}, names(fs))
		require.Equal(t, want, fs[0].records())
	}
}

// etcd goes on to a new segment after a save that found the old one full; this log goes on before a
// save that would not fit. So etcd's first segment holds what ours holds, and then the saves that
// made it full.
func TestTheSameCallsGiveTheSameBytesUpToTheFirstCut(t *testing.T) {
	forSeeds(t, func(t *testing.T, seed uint64) {
		g := newGenerator(seed)
		h := history{metadata: g.metadata, ops: g.more(40)}
		theirs, ours := newDir(t), newDir(t)
		writeEtcd(t, theirs, h)
		writeOurs(t, ours, h, wal.WithEtcdFormat())
		want, got := segments(t, theirs)[0].records(), segments(t, ours)[0].records()
		require.LessOrEqual(t, len(got), len(want))
		requireSameBytes(t, want[:len(got)], got, "the first segment")
	})
}

// If the calls make both go on to the next segment at the same save, everything is the same: every
// finished segment, and the last one up to its prepared zeros.
func TestTheSameCallsGiveTheSameSegments(t *testing.T) {
	forSeeds(t, func(t *testing.T, seed uint64) {
		p := newPair(t, seed)
		for range 60 {
			p.step(t)
		}
		// etcd begins a segment as soon as the one before is full; this log when it needs one.
		p.both(t, op{state: p.hardState()})
		require.NoError(t, p.theirs.close())
		require.NoError(t, p.ours.close())
		want, got := segments(t, p.theirDir), segments(t, p.ours.dir)
		require.Greater(t, len(want), 2)
		requireSameSegments(t, want, got)
	})
}

// pair is two logs, one of each implementation, on which the same calls are made. The two end a
// segment by different rules:
//
//   - etcd compares what is in the file before it flushes its buffer. So a segment ends with the
//     save after the one that reached the segment size.
//   - This log ends a segment before a save that does not fit.
//
// They go on to the next segment at the same save if two saves fill each segment: our segment size
// is larger by lastSave, the first of the two saves ends exactly at etcd's size, and the second one
// exactly at ours.
type pair struct {
	*generator
	theirs   saver
	theirDir string
	ours     *ourLog
}

// These sizes are in bytes.
const (
	lastSave    = 512
	largestCall = 2500 // more than any call takes, except those of fill and huge ones
	smallestGap = 256  // the smallest gap that fill can fill
	// hugeData is more than etcd's buffer holds, so the save that reaches the segment size ends the
	// segment.
	hugeData = 160 << 10
)

func newPair(t *testing.T, seed uint64) *pair {
	t.Helper()
	g := newGenerator(seed)
	g.maxData = 400
	g.metadata = g.metadata[:min(len(g.metadata), 100)] // so that every call fits into a segment
	dir := newDir(t)
	return &pair{
		generator: g,
		theirs:    createEtcd(t, dir, g.metadata), theirDir: dir,
		ours: createOurs(t, newDir(t), g.metadata, wal.WithEtcdFormat(),
			wal.WithSegmentSize(segmentSize+lastSave)),
	}
}

// step makes one call. Before a call that may not fit it fills the segment up. A huge call has a
// segment for itself.
func (p *pair) step(t *testing.T) {
	t.Helper()
	huge := p.IntN(30) == 0
	if !p.full() && (huge || p.used()+largestCall+smallestGap > segmentSize) {
		p.fill(t, segmentSize)
		p.fill(t, segmentSize+lastSave)
	}
	if huge {
		p.saveEntry(t, p.bytes(hugeData))
		return
	}
	p.both(t, p.next())
}

// used returns how many bytes our last segment holds.
func (p *pair) used() int { return int(p.ours.Stats().TailBytes) }

// full reports whether the next call goes into a new segment.
func (p *pair) full() bool { return p.used() >= segmentSize+lastSave }

// fill saves an entry that ends exactly at an offset.
func (p *pair) fill(t *testing.T, end int) {
	t.Helper()
	free := end - p.used()
	e := &walpb.Entry{Term: p.term, Index: p.last + 1, Data: p.bytes(free - smallestGap)}
	// With the longest checksum the frame has no padding, so with a shorter one it is as long.
	size := func() int {
		return 8 + walpb.RecordHeaderSize(int64(log.EntryType), math.MaxUint32, e.Size()) + e.Size()
	}
	for size() < free {
		e.Data = append(e.Data, 'x')
	}
	p.saveEntry(t, e.Data)
	require.Equal(t, end, p.used())
}

func (p *pair) saveEntry(t *testing.T, data []byte) {
	t.Helper()
	ents := p.entries(p.last+1, 1)
	ents[0].Type, ents[0].Data = walpb.EntryNormal, data
	p.both(t, op{ents: ents})
}

// both makes a call on both logs.
func (p *pair) both(t *testing.T, o op) {
	t.Helper()
	newest := p.newest()
	p.theirs = apply(t, p.theirs, newest, []op{o})
	p.ours = apply(t, p.ours, newest, []op{o}).(*ourLog)
	p.add(o)
}
