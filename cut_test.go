package wal

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

func TestCut_SavesOfEverySizeAroundThatOfASegment(t *testing.T) {
	for _, size := range []int{0, 1, 100, testSegment / 2, testSegment - 200, testSegment,
		testSegment + 1, 3 * testSegment, 300_000} {
		w, dir := newLog(t)
		var want []log.LogEntry
		for i := uint64(1); i <= 5; i++ {
			ents := []log.LogEntry{&walpb.Entry{Index: i, Data: bytes.Repeat([]byte{byte(i)}, size)}}
			want = append(want, ents...)
			require.NoError(t, w.SaveEntry(ents), "size %d", size)
		}
		_, ents := contentsOf(t, w)
		require.Equal(t, want, ents, "size %d", size)
		w = reopen(t, w, nil)
		_, ents = contentsOf(t, w)
		require.Equal(t, want, ents, "size %d", size)
		if size > testSegment {
			require.Len(t, segmentsOf(t, dir), 5, "size %d: each has a segment of its own", size)
		}
	}
}

func TestCut_SaveThatFillsASegmentToTheByteStaysInIt(t *testing.T) {
	for over, cuts := range map[int]uint64{-8: 0, 0: 0, 8: 1} {
		w, dir := newLog(t)
		require.NoError(t, w.SaveEntry(entries(1, 1))) // else a save that is too large would not cut
		ent := &walpb.Entry{Index: 2, Data: []byte{}}
		endWith := func() int64 {
			w.writer.Lock()
			defer w.writer.Unlock()
			m := w.open.savepoint()
			defer w.open.back(m)
			_, err := w.open.encode(&save{ents: []log.LogEntry{ent}}, w.appended, w.types)
			require.NoError(t, err)
			return w.open.enc.end()
		}
		room := int(w.opts.segmentSize - endWith())
		for grow := room + over - 16; ; grow++ { // the length's varint grows, too
			require.LessOrEqual(t, grow, room+over)
			ent.Data = bytes.Repeat([]byte("x"), grow)
			if endWith() == w.opts.segmentSize+int64(over) {
				break
			}
		}
		require.NoError(t, w.SaveEntry([]log.LogEntry{ent}))
		require.Equal(t, cuts, w.Stats().Cuts, "%d bytes over", over)
		require.NoError(t, w.SaveEntry(entries(3, 3)))
		want := []log.LogEntry{entry(1, 1, "entry 1"), ent, entry(1, 3, "entry 3")}
		require.Equal(t, want, readAll(t, dir, nil))
		crash(w)
		require.Equal(t, want, readAll(t, dir, nil))
	}
}

// A crash between any two of these steps leaves a log that opens with all that was acknowledged.
func TestCut_IsDurableStepByStep(t *testing.T) {
	fsys := faultfs.New()
	w, dir := newLog(t, withFS(fsys), WithPreallocation(PreallocateNone))
	big := func(i uint64) []log.LogEntry {
		return []log.LogEntry{&walpb.Entry{Index: i, Data: make([]byte, testSegment*3/4)}}
	}
	require.NoError(t, w.SaveEntry(big(1)))
	settle(w)
	old := tailOf(w).off
	fsys.Take()
	require.NoError(t, w.SaveEntry(big(2)))
	ops := fsys.Take(faultfs.Truncate, faultfs.Sync, faultfs.Datasync, faultfs.Write, faultfs.Rename,
		faultfs.SyncDir)
	// files keep the names here that they were opened with
	of := func(name string) (own []faultfs.Call) {
		for _, o := range ops[:len(ops)-2] {
			if o.Name == name {
				own = append(own, o)
			}
		}
		return own
	}
	require.Equal(t, []faultfs.Call{
		{Kind: faultfs.Truncate, Name: "0.tmp", Off: old},
		{Kind: faultfs.Sync, Name: "0.tmp"},
	}, of("0.tmp"))
	require.Equal(t, []faultfs.Call{
		{Kind: faultfs.Write, Name: "1.tmp", N: int(tailOf(w).off)}, // header and save
		{Kind: faultfs.Sync, Name: "1.tmp"},
	}, of("1.tmp"))
	require.Equal(t, []faultfs.Call{
		{Kind: faultfs.Rename, Name: segmentName{1, 2}.String()},
		{Kind: faultfs.SyncDir, Name: dir},
	}, ops[len(ops)-2:], "the name comes after both are whole, on disk")
}
