package wal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// physical returns the records of a log and the damage that is reported between them.
func physical(t *testing.T, dir string, opts ...Option) (recs []Record, damage []*CorruptionError) {
	t.Helper()
	for rec, err := range Records(dir, opts...) {
		if err != nil {
			var c *CorruptionError
			require.ErrorAs(t, err, &c)
			damage = append(damage, c)
			continue
		}
		rec.Data = append([]byte(nil), rec.Data...)
		recs = append(recs, rec)
	}
	return recs, damage
}

func sameRecord(a, b Record) bool { return reflect.DeepEqual(a, b) }

// recordsLog is a closed log with records of every kind, in several segments.
func recordsLog(t *testing.T, opts ...Option) string {
	t.Helper()
	w, dir := newLog(t, append([]Option{WithSegmentSize(MinSegmentSize),
		WithPreallocation(PreallocateReserve)}, opts...)...)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 2}, entries(1, 4)))
	if !w.opts.etcdFormat {
		require.NoError(t, w.TruncateBack(3))
	}
	require.NoError(t, w.SaveEntry(entries(4, 9)))
	require.NoError(t, w.SaveSnap(at(5)))
	require.NoError(t, w.SaveEntry(entries(3, 14)))
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 2}))
	require.NoError(t, w.SaveEntry(entries(15, 17)))
	require.NoError(t, w.Close())
	require.GreaterOrEqual(t, len(segmentsOf(t, dir)), 3)
	return dir
}

func TestRecords_ShowsEveryRecordAsItStands(t *testing.T) {
	for name, opts := range map[string][]Option{"trailered": nil, "plain": {WithEtcdFormat()}} {
		t.Run(name, func(t *testing.T) {
			dir := recordsLog(t, opts...)
			before := files(t, dir)
			recs, damage := physical(t, dir)
			require.Empty(t, damage)
			tolerant, damage := physical(t, dir, WithTolerant())
			require.Empty(t, damage)
			require.Equal(t, recs, tolerant)
			report, err := Verify(nil, dir)
			require.NoError(t, err)
			require.Len(t, recs, report.Records)

			types := map[log.RecordType]int{}
			controls := map[Control]int{}
			for _, path := range segmentsOf(t, dir) {
				for _, f := range framesOf(t, path) {
					rec := recs[0]
					recs = recs[1:]
					require.Equal(t, Record{
						Segment: filepath.Base(path), Offset: f.off, Size: f.Size, Type: f.Type, Crc: f.Crc,
						Data:       f.Data,
						HasTrailer: f.HasTrailer, Synced: f.Flags&frame.FlagSynced != 0,
						Commit: f.Flags&frame.FlagCommit != 0,
						Check:  rec.Check, Control: rec.Control, TruncatedTo: rec.TruncatedTo,
					}, rec)
					if f.HasTrailer { // its trailer, rebuilt from what is shown, is the one in the file
						want := frame.MakeTrailer(rec.Check, f.Flags, f.Sparsity)
						data := before[filepath.Base(path)][f.off : f.off+f.Size]
						require.Contains(t, data, string(walpb.AppendTrailer(nil, want)))
					}
					types[rec.Type]++
					controls[rec.Control]++
					if rec.Control == ControlTruncate {
						require.EqualValues(t, 3, rec.TruncatedTo)
					}
				}
			}
			require.Empty(t, recs)
			require.Equal(t, 4+6+12+3, types[log.EntryType])
			require.GreaterOrEqual(t, types[log.StateType], 2)
			require.Equal(t, 2, types[log.SnapshotType])
			if name == "trailered" {
				require.Equal(t, 1, controls[ControlTruncate])
				require.Equal(t, 1, controls[ControlClosed])
			}
			require.Equal(t, before, files(t, dir))
		})
	}
}

func TestRecords_WithoutALog(t *testing.T) {
	for _, err := range Records(t.TempDir()) {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}

func TestRecords_CanBeLeftEarly(t *testing.T) {
	dir := recordsLog(t)
	recs, _ := physical(t, dir)
	for stop := range recs {
		n := 0
		for _, err := range Records(dir) {
			require.NoError(t, err)
			if n == stop {
				break
			}
			n++
		}
		require.Equal(t, stop, n)
	}
}

// Whatever bit is flipped in a trailered log (one in rotStep, or all with fullRot): without
// WithTolerant Records ends at the record with it, and with it all other records are shown as they
// were.
func TestRecords_WithEveryBitFlipped(t *testing.T) {
	dir := recordsLog(t)
	want, _ := physical(t, dir)
	withEveryBitFlipped(t, dir, func(segment string, off int64, where string) {
		hit := -1 // the record with the bit; -1: it is behind the log's end
		for i, rec := range want {
			if rec.Segment == segment && off >= rec.Offset && off < rec.Offset+rec.Size {
				hit = i
			}
		}
		strict, damage := physical(t, dir)
		got, reported := physical(t, dir, WithTolerant())
		require.Len(t, reported, 1, where)
		require.Equal(t, segment, reported[0].Segment, where)
		if hit < 0 {
			require.Empty(t, damage, where)
			require.Equal(t, want, strict, where)
			require.Equal(t, want, got, where)
			return
		}
		require.Len(t, damage, 1, where)
		require.True(t, slices.EqualFunc(want[:hit], strict, sameRecord), where)
		require.Equal(t, want[hit].Offset, reported[0].Offset, where)
		require.Len(t, got, len(want)-1, where)
		for i, rec := range got {
			orig := want[i]
			if i >= hit {
				orig = want[i+1]
			}
			if i == hit {
				rec.Unverified = false // the first one behind the damage may be
			}
			require.Equal(t, orig, rec, where)
		}
	})
}

// withEveryBitFlipped calls during with each bit of each segment flipped, one in rotFiles or all
// with fullRot.
func withEveryBitFlipped(
	t *testing.T, dir string, during func(segment string, off int64, where string),
) {
	t.Helper()
	for _, path := range segmentsOf(t, dir) {
		segment := filepath.Base(path)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		for bit := range len(data) * 8 {
			if os.Getenv(fullRot) == "" && bit%rotFiles != 0 {
				continue
			}
			off := int64(bit / 8)
			patch(t, path, off, []byte{data[off] ^ 1<<(bit%8)}, func() {
				during(segment, off, fmt.Sprintf("bit %d of %s", bit, segment))
			})
		}
	}
}

// In a plain log what is shown as a record has the data of that record, and at
// most the damaged one and its neighbour are not shown.
func TestRecords_OfAPlainLogWithEveryBitFlipped(t *testing.T) {
	dir := recordsLog(t, WithEtcdFormat())
	want, _ := physical(t, dir)
	at := map[string]Record{}
	place := func(r Record) string { return fmt.Sprint(r.Segment, r.Offset) }
	for _, rec := range want {
		at[place(rec)] = rec
	}
	withEveryBitFlipped(t, dir, func(_ string, _ int64, where string) {
		got, _ := physical(t, dir, WithTolerant())
		require.GreaterOrEqual(t, len(got), len(want)-2, where)
		for _, rec := range got {
			orig, ok := at[place(rec)]
			require.True(t, ok, "%s: no record stands at %d", where, rec.Offset)
			if !rec.Unverified {
				require.Equal(t, orig.Data, rec.Data, where)
			}
		}
	})
}

// A segment that is gone, one that is all zeros, and a torn tail: all that is left is shown.
func TestRecords_TolerantGoesOnBehindAnything(t *testing.T) {
	dir := recordsLog(t)
	want, _ := physical(t, dir)
	paths := segmentsOf(t, dir)
	others := func(path string) (out []Record) {
		for _, rec := range want {
			if rec.Segment != filepath.Base(path) {
				out = append(out, rec)
			}
		}
		return out
	}
	for i, path := range paths[:len(paths)-1] {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, make([]byte, len(data)), 0o600))
		got, damage := physical(t, dir, WithTolerant())
		require.Equal(t, others(path), got)
		require.Len(t, damage, 1)
		require.NoError(t, os.Remove(path))
		got, damage = physical(t, dir, WithTolerant())
		require.Equal(t, others(path), got)
		if i > 0 {
			require.Len(t, damage, 1)
			require.Contains(t, damage[0].Reason, "missing")
		} else {
			require.Empty(t, damage, "it may have been purged")
		}
		require.NoError(t, os.WriteFile(path, data, 0o600))
	}

	last := paths[len(paths)-1]
	end := want[len(want)-1]
	data, err := os.ReadFile(last)
	require.NoError(t, err)
	data = append(data[:end.Offset+end.Size], make([]byte, 1000)...)
	require.NoError(t, os.WriteFile(last, data, 0o600))
	patch(t, last, end.Offset+end.Size+frame.WordSize, []byte{1, 2, 3}, func() {
		recs, damage := physical(t, dir)
		require.Empty(t, damage, "a torn tail is no damage")
		require.Equal(t, want, recs)
		recs, damage = physical(t, dir, WithTolerant())
		require.Equal(t, want, recs)
		require.Len(t, damage, 1)
		require.Contains(t, damage[0].Reason, "torn tail: ")
		require.Equal(t, end.Offset+end.Size, damage[0].Offset)
	})
}

func TestRecords_TellsOfErrorsOfReading(t *testing.T) {
	dir := recordsLog(t)
	fsys := faultfs.New()
	bad := errors.New("input/output error")
	for n := 0; ; n++ {
		calls := 0
		fsys.Fail(func(o faultfs.Call) (int, error) {
			if calls++; calls == n+1 {
				return 0, bad
			}
			return 0, nil
		})
		var last error
		for _, err := range Records(dir, withFS(fsys), WithTolerant()) {
			require.NoError(t, last, "it goes on behind an error")
			last = err
		}
		if calls <= n {
			require.NoError(t, last)
			return
		}
		if last == nil {
			continue // a close
		}
		require.ErrorIs(t, last, bad)
	}
}
