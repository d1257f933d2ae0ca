package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// Each test here and in defects2_test.go is for a defect that a log of this kind
// has had, and fails with it.

// The defect: a log opened at a snapshot left out entries at or below it, so it
// also left out that such an entry, written later, had replaced all behind it, and
// the replaced ones came back (etcd issue 22442).
func TestDefectOverwriteBelowTheSnapshotBringsEntriesBack(t *testing.T) {
	for _, over := range []uint64{1, 4, 5} {
		for _, cuts := range []string{"", "before", "after", "before and after"} {
			t.Run(fmt.Sprintf("entry %d, cut %s", over, cuts), func(t *testing.T) {
				w, _ := newLog(t)
				require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 5}, entries(1, 10)))
				require.NoError(t, w.SaveSnap(at(5)))
				w = reopen(t, w, at(5))
				if cuts == "before" || cuts == "before and after" {
					forceCut(t, w)
				}
				require.NoError(t, w.SaveEntry([]log.LogEntry{entry(2, over, "new")}))
				requireReplaced(t, w, over)
				if cuts == "after" || cuts == "before and after" {
					forceCut(t, w)
				}
				w = reopen(t, w, at(5))
				requireReplaced(t, w, over)
				var added []log.LogEntry
				for i := over + 1; i <= 8; i++ {
					added = append(added, entry(2, i, "new"))
				}
				require.NoError(t, w.SaveEntry(added))
				want := []log.LogEntry{entry(2, 6, "new"), entry(2, 7, "new"), entry(2, 8, "new")}
				_, ents := contentsOf(t, w)
				require.Equal(t, want, ents)
				_, ents = contentsOf(t, reopen(t, w, at(5)))
				require.Equal(t, want, ents)
			})
		}
	}
}

// requireReplaced makes sure that the entry over is the last one of a log opened at 5.
func requireReplaced(t *testing.T, w *WAL, over uint64) {
	t.Helper()
	_, ents := contentsOf(t, w)
	require.Empty(t, ents)
	require.Equal(t, over, w.LastIndex())
	got, err := w.Entry(over)
	require.NoError(t, err)
	require.Equal(t, entry(2, over, "new"), got)
	_, err = w.Entry(over + 1)
	require.ErrorIs(t, err, ErrNotFound)
	want := append(entries(1, over-1), entry(2, over, "new"))
	require.Equal(t, want, readAll(t, w.dir.Path(), nil))
}

// loneState is a state that knows nothing of commits, and can be neither empty nor unsynced.
type loneState struct{ walpb.HardState }

func (s *loneState) IsEmpty() bool        { return false }
func (s *loneState) GetCommitted() uint64 { return 0 }

// The defect: only a state saved since the open was written at the head of new
// segments. With none saved, purging deleted the last copy.
func TestDefectStateLostByCutAndPurge(t *testing.T) {
	custom := log.NewRegistry()
	custom.Register(log.StateType, &loneState{})
	tests := map[string]struct {
		st   log.HardState
		opts []Option
	}{
		"sealed":       {&walpb.HardState{Term: 3, Vote: 2, Commit: 1}, nil},
		"etcd format":  {&walpb.HardState{Term: 3, Vote: 2, Commit: 1}, []Option{WithEtcdFormat()}},
		"custom state": {&loneState{walpb.HardState{Vote: 7}}, []Option{WithRegistry(custom)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, dir := newLog(t, tt.opts...)
			require.NoError(t, w.Save(tt.st, entries(1, 1)))
			w = reopen(t, w, nil, tt.opts...)
			fillSegments(t, w, 2)
			snap := at(w.LastIndex())
			require.NoError(t, w.SaveSnap(snap))
			require.NoError(t, w.Release(snap))
			removed, err := w.Purge()
			require.NoError(t, err)
			require.Equal(t, 2, removed)
			w = reopen(t, w, snap, tt.opts...)
			require.Equal(t, tt.st, w.State())
			st, _ := contentsOf(t, w)
			require.Equal(t, tt.st, st)
			require.Len(t, segmentsOf(t, dir), 1)
		})
	}
}

// The defect: an open for writing at a snapshot that was never saved succeeded,
// and the state machine went on from a state that it did not have (etcd issue 21369).
func TestDefectOpenAtSnapshotNeverSaved(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 10)))
	require.NoError(t, w.SaveSnap(at(5)))
	fillSegments(t, w, 2)
	last := w.LastIndex()
	require.NoError(t, w.Close())
	before := files(t, dir)
	for _, never := range []uint64{1, 4, 6, 10, last, last + 1, 1 << 40, ^uint64(0)} {
		_, err := Open(nil, dir, at(never))
		require.ErrorIs(t, err, ErrSnapshotNotFound, "index %d", never)
		_, err = OpenForRead(nil, dir, at(never))
		require.ErrorIs(t, err, ErrSnapshotNotFound, "index %d", never)
	}
	require.Equal(t, before, files(t, dir))
	openLog(t, dir, at(5))
}

// The defect: after a failed write the next save was written behind the torn
// bytes and acknowledged, and the log could not be read any more.
func TestDefectSaveAfterAFailedWrite(t *testing.T) {
	for _, partial := range []int{0, 1, 8, 50, 700, 1 << 20} {
		t.Run(fmt.Sprintf("after %d bytes", partial), func(t *testing.T) {
			fsys := newFaultFS()
			w, dir := newLog(t, withFS(fsys), WithSegmentSize(1<<20))
			require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 1}, entries(1, 5)))
			acked, _ := contentsOf(t, w)
			failOnce(fsys, opWrite, partial, syscall.ENOSPC)
			first := w.SaveEntry([]log.LogEntry{&walpb.Entry{Index: 6, Data: make([]byte, 5000)}})
			requireSticky(t, w, first, syscall.ENOSPC)
			fsys.record()
			requireAllFail(t, w, first)
			require.Empty(t, fsys.record(opWrite, opTruncate, opRename, opDatasync, opSync), "nothing is written any more")
			require.Equal(t, first, w.Close())

			w = openLog(t, dir, nil)
			st, ents := contentsOf(t, w)
			require.Equal(t, acked, st)
			require.GreaterOrEqual(t, len(ents), 5)
			require.Equal(t, entries(1, 5), ents[:5])
			next := w.LastIndex() + 1
			require.NoError(t, w.SaveEntry(entries(next, next)))
			require.Len(t, readAll(t, dir, nil), int(next))
		})
	}
}

// failOnce makes the next call of a kind fail, after a part of it if it is a write.
func failOnce(fsys *faultFS, kind opKind, partial int, err error) {
	done := false
	fsys.setFail(func(o op) (int, error) {
		if done || o.kind != kind {
			return 0, nil
		}
		done = true
		return partial, err
	})
}

// requireSticky makes sure that err is one that ends a log's life, from a cause.
func requireSticky(t *testing.T, w *WAL, err, cause error) {
	t.Helper()
	require.ErrorIs(t, err, ErrFailed)
	require.ErrorIs(t, err, cause)
	require.Equal(t, err, w.sticky.err())
}

// callsOf is every call of a log that can fail, by name.
func callsOf(w *WAL) map[string]func() error {
	next := w.LastIndex() + 1
	return map[string]func() error{
		"Save":         func() error { return w.Save(&walpb.HardState{Term: 9}, entries(next, next)) },
		"Save nothing": func() error { return w.Save(nil, nil) },
		"SaveState":    func() error { return w.SaveState(&walpb.HardState{Term: 9}) },
		"SaveEntry":    func() error { return w.SaveEntry(entries(next, next)) },
		"SaveSnap":     func() error { return w.SaveSnap(at(1)) },
		"Append":       func() error { _, err := w.Append(nil, entries(next, next)); return err },
		"Sync":         w.Sync,
		"TruncateBack": func() error { return w.TruncateBack(1) },
		"Restore":      func() error { return w.Restore(at(1), nil, nil) },
		"Compact":      func() error { return w.Compact(1) },
		"Release":      func() error { return w.Release(at(1)) },
		"Purge":        func() error { _, err := w.Purge(); return err },
		"ReadAll":      func() error { _, _, _, err := w.ReadAll(); return err },
		"Entry":        func() error { _, err := w.Entry(1); return err },
		"Entries": func() error {
			for _, err := range w.Entries(1, 2) {
				return err
			}
			return nil
		},
	}
}

// requireAllFail makes sure that every call of a log returns one and the same error.
func requireAllFail(t *testing.T, w *WAL, want error) {
	t.Helper()
	for name, call := range callsOf(w) {
		require.True(t, call() == want, "%s returns another error: %v", name, call())
	}
}

// The defect: a zero length word meant the end of the log, also in its middle, so
// a lost or overwritten word hid every record behind it.
func TestDefectZeroedLengthWordEndsTheLog(t *testing.T) {
	w, dir := newLog(t)
	for i := uint64(1); i <= 8; i++ {
		require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: i}, entries(i, i)))
	}
	fillSegments(t, w, 1)
	require.NoError(t, w.Close())
	hit := 0
	for _, path := range segmentsOf(t, dir) {
		for _, f := range framesOf(t, path) {
			if f.Type == log.CrcType && f.off > 0 {
				continue // the padding before CLOSED, and itself, hold nothing of the user's
			}
			patch(t, path, f.off, make([]byte, frame.WordSize), func() {
				requireCorrupt(t, dir, fmt.Sprintf("%s at %d", filepath.Base(path), f.off))
			})
			hit++
		}
	}
	require.Greater(t, hit, 20)
	require.Equal(t, entries(1, w.last), readAll(t, dir, nil))
}

// The defect: no checksum covered the type of a record, so one flipped bit made
// an entry a state, a snapshot, or nothing.
func TestDefectFlippedTypeBitMakesAnotherRecord(t *testing.T) {
	for _, closed := range []bool{true, false} {
		t.Run(fmt.Sprintf("closed %v", closed), func(t *testing.T) {
			w, dir := newLog(t)
			require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 1}, entries(1, 4)))
			require.NoError(t, w.SaveSnap(at(2)))
			if closed {
				require.NoError(t, w.Close())
			} else {
				crash(w)
			}
			path := segmentsOf(t, dir)[0]
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			for _, f := range framesOf(t, path) {
				if f.Type == log.CrcType && f.off > 0 {
					continue
				}
				pos := f.off + frame.WordSize + 1 // behind the length word and the field's tag
				require.Equal(t, byte(f.Type), data[pos])
				for bit := range 8 {
					patch(t, path, pos, []byte{data[pos] ^ 1<<bit}, func() {
						requireCorrupt(t, dir, fmt.Sprintf("%s record at %d, bit %d", f.Type, f.off, bit))
					})
				}
			}
		})
	}
}

// crash gives up a log's files as the end of its process would: nothing more is written.
func crash(w *WAL) {
	w.sticky.set(errors.New("crashed"))
	w.Close()
}

// The defect: a file left by a crash was taken for the next segment with what it
// held, and the old bytes behind the new ones gave a checksum error.
func TestDefectLeftoverTmpHasOldBytes(t *testing.T) {
	for _, mode := range []Preallocation{PreallocateZero, PreallocateReserve, PreallocateNone} {
		for _, open := range []bool{true, false} {
			t.Run(fmt.Sprintf("preallocation %d, reopened %v", mode, open), func(t *testing.T) {
				w, dir := newLog(t, WithPreallocation(mode))
				old, err := os.ReadFile(segmentsOf(t, dir)[0])
				require.NoError(t, err)
				for i := range old { // not a zero to be found
					old[i] |= 1
				}
				if open {
					require.NoError(t, w.Close())
				}
				for _, name := range []string{"0.tmp", "1.tmp", "2.tmp", "17.tmp"} {
					require.NoError(t, os.WriteFile(filepath.Join(dir, name), append(old, old...), 0o600))
				}
				if open {
					w = openLog(t, dir, nil, WithPreallocation(mode))
					left, err := filepath.Glob(filepath.Join(dir, "*.tmp"))
					require.NoError(t, err)
					require.Empty(t, left, "an open removes them")
				}
				fillSegments(t, w, 2)
				last := w.LastIndex()
				crash(w) // segment 2, which was 2.tmp, is then not cut to its end
				require.Equal(t, entries(1, last), readAll(t, dir, nil))
				report, err := Verify(nil, dir)
				require.NoError(t, err)
				require.Nil(t, report.Torn)
			})
		}
	}
}

// The defects: Create emptied the directory it was given, and did not sync it, so
// that a crash could take the log away again.
func TestDefectCreateDeletesFilesOrDoesNotSync(t *testing.T) {
	fsys := newFaultFS()
	parent := t.TempDir()
	dir := filepath.Join(parent, "log")
	require.NoError(t, os.Mkdir(dir, 0o700))
	foreign := map[string]string{"notes.txt": "mine", "1.tmp": "perhaps mine", "x.wal": "", "0-0.wal.broken": "kept"}
	for name, data := range foreign {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600))
	}
	w, err := Create(nil, dir, nil, withFS(fsys), WithPreallocation(PreallocateReserve))
	require.NoError(t, err)
	require.Equal(t, []op{
		{kind: opWrite, name: "0.tmp", n: int(tailOf(w).off)},
		{kind: opSync, name: "0.tmp"},
		{kind: opRename, name: segmentName{}.String()},
		{kind: opSyncDir, name: dir},
		{kind: opSyncDir, name: parent},
	}, fsys.record(opWrite, opSync, opDatasync, opRename, opRemove, opMkdir, opSyncDir))
	require.NoError(t, w.Close())
	got := files(t, dir)
	for name, data := range foreign {
		require.Equal(t, data, got[name], name)
	}

	// Directories that it has to make are made durable, each in its parent.
	deep := filepath.Join(parent, "a", "b")
	w, err = Create(nil, deep, nil, withFS(fsys))
	require.NoError(t, err)
	require.Equal(t, []op{
		{kind: opMkdir, name: "a"}, {kind: opSyncDir, name: filepath.Dir(parent)}, {kind: opSyncDir, name: parent},
		{kind: opMkdir, name: "b"}, {kind: opSyncDir, name: parent}, {kind: opSyncDir, name: filepath.Join(parent, "a")},
		{kind: opSyncDir, name: deep}, {kind: opSyncDir, name: filepath.Join(parent, "a")},
	}, fsys.record(opMkdir, opSyncDir))
	require.NoError(t, w.Close())
}

// The defect: bytes that a process had written but not synced before it died,
// or whose sync had failed, were shown by the next open though they could still be
// lost, and no later sync would write them, as their pages count as clean.
func TestDefectUnsyncedTailIsHandedOutAsDurable(t *testing.T) {
	for _, etcdFormat := range []bool{false, true} {
		t.Run(fmt.Sprintf("etcd format %v", etcdFormat), func(t *testing.T) {
			fsys := newFaultFS()
			opts := []Option{withFS(fsys)}
			if etcdFormat {
				opts = append(opts, WithEtcdFormat())
			}
			w, dir := newLog(t, opts...)
			require.NoError(t, w.SaveEntry(entries(1, 3)))
			from := tailOf(w).off
			failOnce(fsys, opDatasync, 0, syscall.EIO)
			require.ErrorIs(t, w.SaveEntry(entries(4, 6)), syscall.EIO)
			to := tailOf(w).off
			require.Greater(t, to, from)
			require.Error(t, w.Close())

			fsys.record()
			w = openLog(t, dir, nil, opts...)
			ops := fsys.record(opWrite, opSync, opDatasync)
			_, ents := contentsOf(t, w)
			require.Equal(t, entries(1, 6), ents)
			name := segmentName{}.String()
			require.GreaterOrEqual(t, len(ops), 2)
			require.Equal(t, opSync, ops[len(ops)-1].kind, "the sync comes last")
			require.Equal(t, name, ops[len(ops)-1].name)
			for _, o := range ops[:len(ops)-1] {
				require.Equal(t, opWrite, o.kind)
				require.Equal(t, name, o.name)
				require.LessOrEqual(t, o.off, from, "no byte is left out")
				from = max(from, o.off+int64(o.n))
			}
			require.Equal(t, to, from)
		})
	}
}

// The defect: a length in a damaged file was believed, and the memory for it taken.
func TestDefectHugeLengthMakesAHugeAllocation(t *testing.T) {
	for _, etcdFormat := range []bool{false, true} {
		var opts []Option
		if etcdFormat {
			opts = append(opts, WithEtcdFormat())
		}
		w, dir := newLog(t, opts...)
		require.NoError(t, w.SaveEntry(entries(1, 2)))
		require.NoError(t, w.SaveEntry(entries(3, 4)))
		require.NoError(t, w.Close())
		path := segmentsOf(t, dir)[0]
		for _, f := range framesOf(t, path) {
			for _, word := range []uint64{1 << 55, 1<<56 - 8, 1<<63 | 7<<56 | (1<<55 + 1), ^uint64(0), 1 << 31, 1 << 33} {
				b := binary.LittleEndian.AppendUint64(nil, word)
				patch(t, path, f.off, b, func() {
					what := fmt.Sprintf("etcd format %v, length word %#x at %d", etcdFormat, word, f.off)
					if !etcdFormat && f.Type == log.EntryType {
						requireCorrupt(t, dir, what)
					}
					used := allocated(func() {
						_, err := Verify(nil, dir)
						_ = err // a plain log cannot tell this from a torn tail
						if r, err := OpenForRead(nil, dir, nil); err == nil {
							r.Close()
						}
					})
					require.Less(t, used, uint64(4<<20), what)
				})
			}
		}
	}
}
