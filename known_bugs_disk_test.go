package wal

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// The bug: after a failed write the next save was written behind the torn
// bytes and acknowledged, and the log could not be read any more.
func TestKnownBug_SaveAfterAFailedWrite(t *testing.T) {
	for _, partial := range []int{0, 1, 8, 50, 700, 1 << 20} {
		t.Run(fmt.Sprintf("after %d bytes", partial), func(t *testing.T) {
			fsys := faultfs.New()
			w, dir := newLog(t, withFS(fsys), WithSegmentSize(1<<20))
			require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 1}, entries(1, 5)))
			acked, _ := contentsOf(t, w)
			fsys.FailOnce(faultfs.Write, partial, syscall.ENOSPC)
			first := w.SaveEntry([]log.LogEntry{&walpb.Entry{Index: 6, Data: make([]byte, 5000)}})
			requireSticky(t, w, first, syscall.ENOSPC)
			fsys.Take()
			requireAllFail(t, w, first)
			require.Empty(t, fsys.Take(faultfs.Write, faultfs.Truncate, faultfs.Rename, faultfs.Datasync,
				faultfs.Sync), "nothing is written any more")
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

// The bug: a file left by a crash was taken for the next segment with what it
// held, and the old bytes behind the new ones gave a checksum error.
func TestKnownBug_LeftoverTmpHasOldBytes(t *testing.T) {
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

// The bugs: Create emptied the directory it was given, and did not sync it, so
// that a crash could take the log away again.
func TestKnownBug_CreateDeletesFilesOrDoesNotSync(t *testing.T) {
	fsys := faultfs.New()
	parent := t.TempDir()
	dir := filepath.Join(parent, "log")
	require.NoError(t, os.Mkdir(dir, 0o700))
	foreign := map[string]string{"notes.txt": "mine", "1.tmp": "perhaps mine", "x.wal": "",
		"0-0.wal.broken": "kept"}
	for name, data := range foreign {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600))
	}
	w, err := Create(nil, dir, nil, withFS(fsys), WithPreallocation(PreallocateReserve))
	require.NoError(t, err)
	require.Equal(t, []faultfs.Call{
		{Kind: faultfs.Write, Name: "0.tmp", N: int(tailOf(w).off)},
		{Kind: faultfs.Sync, Name: "0.tmp"},
		{Kind: faultfs.Rename, Name: segmentName{}.String()},
		{Kind: faultfs.SyncDir, Name: dir},
		{Kind: faultfs.SyncDir, Name: parent},
	}, fsys.Take(faultfs.Write, faultfs.Sync, faultfs.Datasync,
		faultfs.Rename, faultfs.Remove, faultfs.Mkdir, faultfs.SyncDir))
	require.NoError(t, w.Close())
	got := files(t, dir)
	for name, data := range foreign {
		require.Equal(t, data, got[name], name)
	}

	// Directories that it has to make are made durable, each in its parent.
	deep := filepath.Join(parent, "a", "b")
	w, err = Create(nil, deep, nil, withFS(fsys))
	require.NoError(t, err)
	require.Equal(t, []faultfs.Call{
		{Kind: faultfs.Mkdir, Name: "a"}, {Kind: faultfs.SyncDir, Name: filepath.Dir(parent)},
		{Kind: faultfs.SyncDir, Name: parent},
		{Kind: faultfs.Mkdir, Name: "b"}, {Kind: faultfs.SyncDir, Name: parent},
		{Kind: faultfs.SyncDir, Name: filepath.Join(parent, "a")},
		{Kind: faultfs.SyncDir, Name: deep}, {Kind: faultfs.SyncDir, Name: filepath.Join(parent, "a")},
	}, fsys.Take(faultfs.Mkdir, faultfs.SyncDir))
	require.NoError(t, w.Close())
}

// The bug: bytes that a process had written but not synced before it died,
// or whose sync had failed, were shown by the next open though they could still be
// lost, and no later sync would write them, as their pages count as clean.
func TestKnownBug_UnsyncedTailIsHandedOutAsDurable(t *testing.T) {
	for _, etcdFormat := range []bool{false, true} {
		t.Run(fmt.Sprintf("etcd format %v", etcdFormat), func(t *testing.T) {
			fsys := faultfs.New()
			opts := []Option{withFS(fsys)}
			if etcdFormat {
				opts = append(opts, WithEtcdFormat())
			}
			w, dir := newLog(t, opts...)
			require.NoError(t, w.SaveEntry(entries(1, 3)))
			from := tailOf(w).off
			fsys.FailOnce(faultfs.Datasync, 0, syscall.EIO)
			require.ErrorIs(t, w.SaveEntry(entries(4, 6)), syscall.EIO)
			to := tailOf(w).off
			require.Greater(t, to, from)
			require.Error(t, w.Close())

			fsys.Take()
			w = openLog(t, dir, nil, opts...)
			ops := fsys.Take(faultfs.Write, faultfs.Sync, faultfs.Datasync)
			_, ents := contentsOf(t, w)
			require.Equal(t, entries(1, 6), ents)
			name := segmentName{}.String()
			require.GreaterOrEqual(t, len(ops), 2)
			require.Equal(t, faultfs.Sync, ops[len(ops)-1].Kind, "the sync comes last")
			require.Equal(t, name, ops[len(ops)-1].Name)
			for _, o := range ops[:len(ops)-1] {
				require.Equal(t, faultfs.Write, o.Kind)
				require.Equal(t, name, o.Name)
				require.LessOrEqual(t, o.Off, from, "no byte is left out")
				from = max(from, o.Off+int64(o.N))
			}
			require.Equal(t, to, from)
		})
	}
}

// The bug: what had been saved without a sync was still not synced when the
// log was closed, and nobody was left to do it.
func TestKnownBug_CloseLosesWhatWasNotSynced(t *testing.T) {
	for _, etcdFormat := range []bool{false, true} {
		fsys := faultfs.New()
		opts := []Option{withFS(fsys), WithNoSync()}
		if etcdFormat {
			opts = append(opts, WithEtcdFormat())
		}
		w, dir := newLog(t, opts...)
		fsys.Take()
		require.NoError(t, w.SaveEntry(entries(1, 3)))
		saved := tailOf(w).off
		require.Empty(t, fsys.Take(faultfs.Datasync, faultfs.Sync), "the save was not synced")
		require.NoError(t, w.Close())
		ops := fsys.Take(faultfs.Write, faultfs.Datasync, faultfs.Sync, faultfs.Close)
		require.Equal(t, faultfs.Datasync, ops[0].Kind, "first of all what was saved")
		require.Equal(t, faultfs.Close, ops[len(ops)-1].Kind)
		require.Equal(t, faultfs.Datasync, ops[len(ops)-2].Kind, "and CLOSED in the end")
		if etcdFormat {
			require.Len(t, ops, 2, "a plain log has no CLOSED")
			continue
		}
		// CLOSED says that all before it is stable, and it was when it was written.
		frames := framesOf(t, segmentsOf(t, dir)[0])
		closed := frames[len(frames)-1]
		require.Equal(t, frame.ClosedData(), closed.Control())
		require.Equal(t, frame.FlagSynced|frame.FlagCommit, closed.Flags)
		require.Greater(t, closed.off, saved)
		unsynced := false
		for _, o := range ops {
			switch o.Kind {
			case faultfs.Write:
				require.False(t, o.Off == closed.off && unsynced,
					"CLOSED is written before what it vouches for is stable")
				unsynced = true
			case faultfs.Datasync:
				unsynced = false
			}
		}
	}
}
