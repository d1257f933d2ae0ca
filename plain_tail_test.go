package wal

import (
	"bytes"
	"errors"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/oracle"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// A plainTail is a trailered segment behind which another program goes on with plain records, as
// etcd does. They are made with the oracle's code.
type plainTail struct {
	dir, path string
	off, from int64 // where the next record goes, and where the first plain one stands
	crc       uint32
}

// leaveTo closes a log, or leaves it as a crash would, to somebody who appends plain records.
func leaveTo(t *testing.T, w *WAL, dir string, closed bool) *plainTail {
	t.Helper()
	if closed {
		require.NoError(t, w.Close())
	}
	paths := segmentsOf(t, dir)
	p := &plainTail{dir: dir, path: paths[len(paths)-1]}
	for _, f := range framesOf(t, p.path) {
		p.off, p.crc = f.off+f.Size, f.Crc
		require.True(t, f.HasTrailer)
	}
	if !closed {
		left := t.TempDir() // what the process that still has the log does, is not seen here
		require.NoError(t, os.CopyFS(left, os.DirFS(dir)))
		paths = segmentsOf(t, left)
		p.dir, p.path = left, paths[len(paths)-1]
	}
	p.from = p.off
	return p
}

// frame makes the next plain record, and counts it in.
func (p *plainTail) frame(typ log.RecordType, data []byte) []byte {
	f := chained(oracle.Frame{Type: int64(typ), Data: data}, p.crc)
	p.crc = f.CRC
	return f.Written(0, int(p.off))
}

// append writes records to the end of the segment.
func (p *plainTail) append(t *testing.T, recs ...log.RecordData) {
	t.Helper()
	f, err := os.OpenFile(p.path, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer f.Close()
	for _, rec := range recs {
		data, err := rec.Marshal()
		require.NoError(t, err)
		typ := log.EntryType
		if _, ok := rec.(*walpb.HardState); ok {
			typ = log.StateType
		}
		b := p.frame(typ, data)
		_, err = f.WriteAt(b, p.off)
		require.NoError(t, err)
		p.off += int64(len(b))
	}
}

func TestPlainTail_ASegmentIsPlainFromTheFirstPlainRecordOn(t *testing.T) {
	for name, closed := range map[string]bool{"behind CLOSED": true, "behind a crash": false} {
		t.Run(name, func(t *testing.T) {
			w, dir := newLog(t, WithSegmentSize(64<<10))
			require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 2}, entries(1, 4)))
			p := leaveTo(t, w, dir, closed)
			p.append(t, entry(1, 5, "theirs"), &walpb.HardState{Term: 1, Commit: 5}, entry(1, 6, ""),
				entry(1, 7, "\x00"))
			want := append(entries(1, 4), entry(1, 5, "theirs"), entry(1, 6, ""), entry(1, 7, "\x00"))
			require.Equal(t, want, readAll(t, p.dir, nil))
			report, err := Verify(nil, p.dir)
			require.NoError(t, err)
			require.Nil(t, report.Torn)
			recs, damage := physical(t, p.dir)
			require.Empty(t, damage)
			require.Len(t, recs, report.Records)
			for _, rec := range recs {
				require.Equal(t, rec.Offset < p.from, rec.HasTrailer, "the record at %d", rec.Offset)
			}

			w = openLog(t, p.dir, nil, WithSegmentSize(64<<10))
			require.EqualValues(t, 5, w.State().GetCommitted())
			require.NoError(t, w.SaveEntry(entries(8, 9)))
			require.False(t, tailOf(w).trailered, "what is appended is plain")
			w = reopen(t, w, nil, WithSegmentSize(64<<10))
			forceCut(t, w)
			require.True(t, tailOf(w).trailered, "the next segment is not")
			require.NoError(t, w.SaveEntry(entries(10, 10)))
			require.NoError(t, w.Close())
			want = append(want, entries(8, 10)...)
			require.Equal(t, want, readAll(t, p.dir, nil))
			w = openLog(t, p.dir, nil)
			require.NoError(t, w.TruncateBack(3))
			require.NoError(t, w.Close())
			require.Equal(t, want[:3], readAll(t, p.dir, nil))
		})
	}
}

// A plain tail has no place for a TRUNCATE record: the truncation begins a segment.
func TestPlainTail_ATruncationBeginsASegment(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 4)))
	p := leaveTo(t, w, dir, false)
	p.append(t, entry(1, 5, "theirs"))
	w = openLog(t, p.dir, nil)
	require.NoError(t, w.TruncateBack(4))
	require.Len(t, segmentsOf(t, p.dir), 2)
	require.NoError(t, w.Close())
	require.Equal(t, entries(1, 4), readAll(t, p.dir, nil))
}

// Whoever has appended behind a save that is not complete has read it as a part of the log.
func TestPlainTail_CommitsTheSaveBeforeIt(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 2)))
	require.NoError(t, w.SaveEntry(entries(3, 6)))
	p := leaveTo(t, w, dir, false)
	frames := framesOf(t, p.path)
	last := frames[len(frames)-1] // entry 6, with COMMIT
	b, err := os.ReadFile(p.path)
	require.NoError(t, err)
	clear(b[last.off : last.off+last.Size])
	require.NoError(t, os.WriteFile(p.path, b, 0o600))
	require.Equal(t, entries(1, 2), readAll(t, p.dir, nil), "not complete")

	p.off, p.crc = last.off, frames[len(frames)-2].Crc
	p.append(t, entry(1, 6, "theirs"))
	want := append(entries(1, 5), entry(1, 6, "theirs"))
	require.Equal(t, want, readAll(t, p.dir, nil))
	w = openLog(t, p.dir, nil)
	require.NoError(t, w.Close())
	require.Equal(t, want, readAll(t, p.dir, nil))
}

// Torn at any byte, the first plain record is healed away and the segment stays trailered.
func TestPlainTail_TornHeals(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 4)))
	p := leaveTo(t, w, dir, false)
	before, err := os.ReadFile(p.path)
	require.NoError(t, err)
	p.append(t, entry(1, 5, string(bytes.Repeat([]byte("etcd"), 300))))
	whole, err := os.ReadFile(p.path)
	require.NoError(t, err)
	border := (p.from/frame.SectorSize + 1) * frame.SectorSize
	for _, at := range []int64{p.from + 1, p.from + 8, p.from + 30, border, border + frame.SectorSize,
		p.off - 8} {
		torn := [][]byte{whole[:at]}
		if at%frame.SectorSize == 0 {
			torn = append(torn, append(bytes.Clone(whole[:at]), make([]byte, int64(len(whole))-at)...))
		}
		for _, b := range torn {
			require.NoError(t, os.WriteFile(p.path, b, 0o600))
			require.Equal(t, entries(1, 4), readAll(t, p.dir, nil), "torn at %d", at)
			w := openLog(t, p.dir, nil)
			require.True(t, tailOf(w).trailered)
			require.NoError(t, w.Close())
			require.Equal(t, entries(1, 4), readAll(t, p.dir, nil))
			now, err := os.ReadFile(p.path)
			require.NoError(t, err)
			require.Equal(t, before[:p.from], now[:p.from])
		}
	}
}

// Damage to what was appended is not taken for a torn tail, also where nothing stands behind it
// and it ends in a zero: rows 3' and 8.
func TestPlainTail_DamageIsCorruption(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 4)))
	p := leaveTo(t, w, dir, false)
	p.append(t, &walpb.HardState{Term: 1, Vote: 1})
	for off := p.from; off < p.off; off++ {
		flipped := []byte{4}
		b, err := os.ReadFile(p.path)
		require.NoError(t, err)
		flipped[0] ^= b[off]
		if off == p.from+frame.WordSize+1 {
			continue // nothing vouches for a plain record's type
		}
		patch(t, p.path, off, flipped, func() {
			_, err := OpenForRead(nil, p.dir, nil)
			require.ErrorIs(t, err, ErrCorrupt, "byte %d", off-p.from)
		})
	}
	const state = 6 // bytes of data, at the end of the record
	patch(t, p.path, p.off-state, []byte{0x55, 0x12},
		func() { requireCorrupt(t, p.dir, "two bytes of the data") })
}

func TestPlainTail_NothingTraileredFollows(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 4)))
	p := leaveTo(t, w, dir, false)
	p.append(t, entry(1, 5, "theirs"))
	data, err := entry(1, 6, "ours").Marshal()
	require.NoError(t, err)
	f := chained(oracle.Frame{Type: int64(log.EntryType), Data: data, Trailered: true, Flags: 3},
		p.crc)
	b, err := os.ReadFile(p.path)
	require.NoError(t, err)
	copy(b[p.off:], f.Written(0, int(p.off)))
	require.NoError(t, os.WriteFile(p.path, b, 0o600))
	requireCorrupt(t, p.dir, "a trailered record behind a plain one")
}

// Numbers that a length word can hold and the chain can have are no reason to see a plain record.
func TestPlainTail_AnotherChainIsNoPlainTail(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 4)))
	p := leaveTo(t, w, dir, false)
	for _, crc := range []uint32{0, p.crc ^ 0xff00, math.MaxUint32} {
		q := *p
		q.crc = crc
		q.append(t, entry(1, 5, "another log's"))
		requireCorrupt(t, p.dir, "another chain")
	}
}

// etcd does not see that entries were dropped, and goes on from them: they are back.
func TestPlainTail_BringsBackWhatItWentOnFrom(t *testing.T) {
	for name, c := range map[string]struct {
		drop func(w *WAL) error
		want []log.LogEntry
		next uint64
	}{
		"truncated": {func(w *WAL) error { return w.TruncateBack(3) }, entries(1, 6), 7},
		"truncated twice": {func(w *WAL) error {
			return errors.Join(w.TruncateBack(4), w.TruncateBack(0))
		}, entries(1, 6), 7},
		"truncated and closed": {func(w *WAL) error {
			return errors.Join(w.TruncateBack(3), w.Close())
		}, entries(1, 6), 7},
		"restored below": {func(w *WAL) error {
			return w.Restore(at(2), nil, nil)
		}, entries(1, 6), 7},
		"replaced since": {func(w *WAL) error {
			return errors.Join(w.TruncateBack(3), w.SaveEntry(entries(4, 4)))
		}, entries(1, 4), 5},
		"restored with entries": {func(w *WAL) error {
			return w.Restore(at(2), nil, entries(3, 3))
		}, entries(3, 3), 4},
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := newLog(t, WithSegmentSize(64<<10))
			require.NoError(t, w.SaveEntry(entries(1, 6)))
			require.NoError(t, c.drop(w))
			p := leaveTo(t, w, dir, false)
			p.append(t, entry(2, c.next, "theirs"), &walpb.HardState{Term: 2, Commit: c.next})
			want := append(c.want, entry(2, c.next, "theirs"))
			require.Equal(t, want, readAll(t, p.dir, nil))
			w = openLog(t, p.dir, nil, WithSegmentSize(64<<10))
			forceCut(t, w)
			require.NoError(t, w.SaveEntry(entries(c.next+1, c.next+1)))
			require.NoError(t, w.Close())
			require.Equal(t, append(want, entries(c.next+1, c.next+1)...), readAll(t, p.dir, nil))
		})
	}
}
