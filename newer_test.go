package wal

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/internal/oracle"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// rewriteFrame changes a frame of a segment in place; chain and check are right again behind it.
func rewriteFrame(t *testing.T, path string, f placedFrame, change func(*oracle.Frame)) {
	t.Helper()
	n, ok := parseSegmentName(path[len(path)-len(segmentForm):])
	require.True(t, ok)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	p, ok := oracle.ReadFrame(b, n.seq, int(f.off))
	require.True(t, ok)
	change(&p)
	again := p.Written(n.seq, int(f.off))
	require.Len(t, again, int(f.Size))
	copy(b[f.off:], again)
	require.NoError(t, os.WriteFile(path, b, 0o600))
}

// requireNewer proves that every way to open a log, with or without what repairs damage, says that
// a newer version wrote it, and leaves it alone.
func requireNewer(t *testing.T, dir, segment string, off int64) {
	t.Helper()
	before := files(t, dir)
	for name, call := range map[string]func() error{
		"Open":           func() error { _, err := Open(nil, dir, nil); return err },
		"OpenForRead":    func() error { _, err := OpenForRead(nil, dir, nil); return err },
		"Verify":         func() error { _, err := Verify(nil, dir); return err },
		"ValidSnapshots": func() error { _, err := ValidSnapshots(nil, dir); return err },
		"Repair":         func() error { _, err := Repair(nil, dir); return err },
		"Repair that may cut": func() error {
			_, err := Repair(nil, dir, WithTruncateCorruption())
			return err
		},
		"Records":               func() error { return endOf(dir) },
		"Records with tolerant": func() error { return endOf(dir, WithTolerant()) },
	} {
		err := call()
		require.ErrorIs(t, err, ErrNewerFormat, name)
		require.NotErrorIs(t, err, ErrCorrupt, name)
		var newer *NewerFormatError
		require.ErrorAs(t, err, &newer, name)
		require.Equal(t, segment, newer.Segment, name)
		require.Equal(t, off, newer.Offset, name)
		require.NotContains(t, err.Error(), "cut", name)
	}
	require.Equal(t, before, files(t, dir))
}

// endOf is the last error that Records yields.
func endOf(dir string, opts ...Option) (last error) {
	for _, err := range Records(dir, opts...) {
		if err != nil {
			last = err
		}
	}
	return last
}

func TestNewer_AnIntactRecordOfAnUnknownKindIsNoDamage(t *testing.T) {
	state := func(f placedFrame) bool { return f.Type == log.StateType }
	for name, c := range map[string]struct {
		find   func(placedFrame) bool
		change func(*oracle.Frame)
	}{
		"a type":        {state, func(f *oracle.Frame) { f.Type = 9 }},
		"type 0":        {state, func(f *oracle.Frame) { f.Type = 0 }},
		"a large type":  {state, func(f *oracle.Frame) { f.Type = 127 }},
		"a flag":        {state, func(f *oracle.Frame) { f.Flags |= 0x04 }},
		"the last flag": {state, func(f *oracle.Frame) { f.Flags |= 0x80 }},
		"a kind of control": {func(f placedFrame) bool {
			return len(f.Control()) == 1
		}, func(f *oracle.Frame) { f.Data = []byte{0x7f} }},
		"a longer TRUNCATE": {func(f placedFrame) bool {
			return len(f.Control()) == 9
		}, func(f *oracle.Frame) { f.Data[0] = 0x7e }},
		"a type, in a header": {func(f placedFrame) bool {
			return f.Type == log.SnapshotType
		}, func(f *oracle.Frame) { f.Type = 6 }},
		"a flag, in the header": {func(f placedFrame) bool {
			return f.Type == log.MetadataType
		}, func(f *oracle.Frame) { f.Flags = 0x40 }},
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := newLog(t)
			require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 1}, entries(1, 4)))
			require.NoError(t, w.TruncateBack(3))
			if name != "a kind of control" { // which takes CLOSED, in the last segment
				fillSegments(t, w, 2)
			}
			require.NoError(t, w.Close())
			for _, path := range segmentsOf(t, dir) {
				for _, f := range framesOf(t, path) {
					if c.find(f) {
						rewriteFrame(t, path, f, c.change)
						requireNewer(t, dir, path[len(path)-len(segmentForm):], f.off)
						return
					}
				}
			}
			t.Fatal("no such record")
		})
	}
}

// A tolerant reading shows the record, and what is behind it.
func TestNewer_RecordsShowsIt(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1}, entries(1, 4)))
	require.NoError(t, w.Close())
	path := segmentsOf(t, dir)[0]
	all := framesOf(t, path)
	for i, f := range all {
		if f.Type == log.StateType {
			rewriteFrame(t, path, all[i], func(f *oracle.Frame) { f.Type = 9 })
		}
	}
	var types []log.RecordType
	for rec, err := range Records(dir, WithTolerant()) {
		if err != nil {
			require.ErrorIs(t, err, ErrNewerFormat)
			continue
		}
		types = append(types, rec.Type)
	}
	require.Len(t, types, len(all))
	require.Contains(t, types, log.RecordType(9))
}

// In a save that a crash interrupted nothing of a newer version was acknowledged: it heals.
func TestNewer_AnIncompleteSaveHeals(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 4)))
	p := leaveTo(t, w, dir, false)
	f := chained(oracle.Frame{Type: 9, Data: []byte("new"), Trailered: true, Flags: frame.FlagSynced},
		p.crc)
	b, err := os.ReadFile(p.path)
	require.NoError(t, err)
	copy(b[p.off:], f.Written(0, int(p.off)))
	require.NoError(t, os.WriteFile(p.path, b, 0o600))
	require.Equal(t, entries(1, 4), readAll(t, p.dir, nil))
	w = openLog(t, p.dir, nil)
	require.NoError(t, w.SaveEntry(entries(5, 5)))
	require.NoError(t, w.Close())
	require.Equal(t, entries(1, 5), readAll(t, p.dir, nil))
}

// Damage stays damage. What a newer version wrote behind it is not for this one to cut.
func TestNewer_RepairDoesNotCutItBehindDamage(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 4)))
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 1}))
	require.NoError(t, w.Close())
	path := segmentsOf(t, dir)[0]
	var damaged placedFrame
	for _, f := range framesOf(t, path) {
		switch f.Type {
		case log.EntryType:
			damaged = f
		case log.StateType:
			rewriteFrame(t, path, f, func(f *oracle.Frame) { f.Type = 9 })
		}
	}
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	binary.LittleEndian.PutUint32(b[damaged.off+16:], 0x12345678)
	require.NoError(t, os.WriteFile(path, b, 0o600))
	before := files(t, dir)
	for _, opts := range [][]Option{nil, {WithTruncateCorruption()}} {
		_, err := Repair(nil, dir, opts...)
		require.ErrorIs(t, err, ErrCorrupt)
		require.ErrorIs(t, err, ErrNewerFormat)
		require.ErrorContains(t, err, "that of the newer version")
	}
	require.Equal(t, before, files(t, dir))
}

// Nothing vouches for the type of a plain record: an unknown one is as likely a flipped bit.
func TestNewer_AnUnknownTypeInAPlainSegmentIsCorruption(t *testing.T) {
	w, dir := newLog(t, WithEtcdFormat())
	require.NoError(t, w.Save(&walpb.HardState{Term: 1}, entries(1, 4)))
	require.NoError(t, w.Close())
	path := segmentsOf(t, dir)[0]
	frames := framesOf(t, path)
	rewriteFrame(t, path, frames[len(frames)-1], func(f *oracle.Frame) { f.Type = 9 })
	requireCorrupt(t, dir, "type 9")
	_, err := Verify(nil, dir)
	require.NotErrorIs(t, err, ErrNewerFormat)
}
