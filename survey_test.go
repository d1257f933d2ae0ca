package wal

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/oracle"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// A RESTORE drops all that is before it, also where the snapshot that it leads to has so low an
// index that segments before it seem to be needed by their names.
func TestSurvey_DamageBeforeARestoreIsNeedless(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 4)
	names, err := listSegments(openDir(t, dir))
	require.NoError(t, err)
	snap := &walpb.Snapshot{Index: names[3].index - 6, Term: 2}
	st := &walpb.HardState{Term: 2, Commit: snap.Index}
	require.NoError(t, w.Restore(snap, st, nil))
	require.NoError(t, w.Save(nil, []log.LogEntry{entry(2, snap.Index+1, "after the restore")}))
	require.NoError(t, w.Close())
	paths := segmentsOf(t, dir)
	require.Equal(t, []uint64{snap.Index}, validIndexes(t, dir))
	for i, path := range paths[:len(paths)-1] {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		flipAt(t, f, 1000)
		require.Equal(t, []uint64{snap.Index}, validIndexes(t, dir), "damage in segment %d", i)

		report, err := Repair(nil, dir, WithTruncateCorruption(), WithDryRun())
		require.NoError(t, err)
		require.Len(t, report.OpensAt, 1, "damage in segment %d", i)
		require.Equal(t, snap.Index, report.OpensAt[0].GetIndex())
		require.Equal(t, snap.Index+1, report.LastIndex, "nothing behind the restore is lost")

		r, err := OpenForRead(nil, dir, snap)
		require.NoError(t, err, "damage in segment %d", i)
		require.Equal(t, []uint64{snap.Index + 1, snap.Index + 1},
			[]uint64{r.FirstIndex(), r.LastIndex()})
		require.NoError(t, r.Close())

		_, err = OpenForRead(nil, dir, at(names[1].index))
		require.ErrorIs(t, err, ErrCorrupt, "a snapshot that is not recorded behind the damage")
		flipAt(t, f, 1000)
		require.NoError(t, f.Close())
	}
	f, err := os.OpenFile(paths[3], os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	flipAt(t, f, 1000)
	w = openLog(t, dir, snap)
	fillSegments(t, w, 2)
	require.NoError(t, w.Close())
	require.Equal(t, []uint64{snap.Index}, validIndexes(t, dir), "the log went on behind the damage")
}

// What an open at a snapshot does not read does not keep the snapshot from being listed, whatever
// is wrong with it.
func TestSurvey_WhatIsNeedlessIsNoObstacle(t *testing.T) {
	tests := []struct {
		name string
		harm func(t *testing.T, path string) []Option // to a segment that is not needed
	}{
		{"a sector cannot be read", func(t *testing.T, path string) []Option {
			fsys := faultfs.New()
			fsys.Fail(func(o faultfs.Call) (int, error) {
				if o.Kind == faultfs.Read && o.Name == filepath.Base(path) && o.Off < 1024 &&
					o.Off+int64(o.N) > 512 {
					return 0, syscall.EIO
				}
				return 0, nil
			})
			return []Option{withFS(fsys)}
		}},
		{"a record of a newer version", func(t *testing.T, path string) []Option {
			frames := framesOf(t, path)
			rewriteFrame(t, path, frames[len(frames)-2], func(f *oracle.Frame) { f.Flags |= 0x04 })
			return nil
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, dir := newLog(t)
			fillSegments(t, w, 4)
			i := w.LastIndex()
			require.NoError(t, w.SaveSnap(at(i)))
			require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: i}, entries(i+1, i+2)))
			require.NoError(t, w.Close())
			require.Equal(t, []uint64{0, i}, validIndexes(t, dir))
			opts := tt.harm(t, segmentsOf(t, dir)[1])
			require.Equal(t, []uint64{i}, validIndexes(t, dir, opts...))
			_, err := OpenForRead(nil, dir, nil, opts...)
			require.Error(t, err, "the harm is there")
			r, err := OpenForRead(nil, dir, at(i), opts...)
			require.NoError(t, err)
			require.Equal(t, i+2, r.LastIndex())
			require.NoError(t, r.Close())
		})
	}
}

// Where nothing is listed, what is wrong is the error.
func TestSurvey_AnUnreadableLastSegmentIsTheError(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 2)
	require.NoError(t, w.Close())
	paths := segmentsOf(t, dir)
	fsys := faultfs.New()
	fsys.Fail(func(o faultfs.Call) (int, error) {
		if o.Kind == faultfs.Read && o.Name == filepath.Base(paths[len(paths)-1]) {
			return 0, syscall.EIO
		}
		return 0, nil
	})
	_, err := ValidSnapshots(nil, dir, withFS(fsys))
	require.ErrorIs(t, err, syscall.EIO)
	require.NotErrorIs(t, err, ErrCorrupt, "a device that fails to read may yet do so")
}
