package wal

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/walpb"
)

func TestStats_CountWhatHappened(t *testing.T) {
	w, dir := newLog(t)
	s := w.Stats()
	require.Equal(t, Stats{Segments: 1, TailSegment: segmentName{}.String(), TailBytes: tailOf(w).off,
		FirstIndex: 1, ZerosWritten: uint64(testSegment - tailOf(w).off)}, s)
	header := s.TailBytes

	require.NoError(t, w.Save(&walpb.HardState{Term: 1}, entries(1, 3)))
	require.NoError(t, w.SaveSnap(at(2)))
	require.NoError(t, w.Sync(), "nothing to sync")
	s = w.Stats()
	require.EqualValues(t, 2, s.Saves)
	require.EqualValues(t, 3, s.Entries)
	require.EqualValues(t, 2, s.Syncs)
	require.EqualValues(t, s.TailBytes-header, s.BytesWritten)
	require.Positive(t, s.SyncTime)
	require.LessOrEqual(t, s.MaxSyncTime, s.SyncTime)
	require.EqualValues(t, 1, s.FirstIndex)
	require.EqualValues(t, 3, s.LastIndex)

	require.Error(t, w.SaveEntry(entries(9, 9)))
	require.Equal(t, s, w.Stats(), "a refused save does not count")

	fillSegments(t, w, 2)
	s = w.Stats()
	require.EqualValues(t, 2, s.Cuts)
	require.Equal(t, 3, s.Segments)
	require.Equal(t, filepath.Base(segmentsOf(t, dir)[2]), s.TailSegment)
	require.NoError(t, release(w, at(s.LastIndex)))
	require.Equal(t, 1, w.Stats().Segments)
	require.Greater(t, w.Stats().FirstIndex, uint64(1))
}

func TestEvents_ListenerIsToldOfEverything(t *testing.T) {
	var saves []SaveEvent
	var cuts []CutEvent
	var syncs int
	var purged []string
	var failures []error
	var healed []TornTail
	fsys := faultfs.New()
	opts := []Option{withFS(fsys), WithListener(Listener{
		Saved:  func(e SaveEvent) { saves = append(saves, e) },
		Synced: func(took time.Duration) { syncs++ },
		Cut:    func(e CutEvent) { cuts = append(cuts, e) },
		Purged: func(s string) { purged = append(purged, s) },
		Failed: func(err error) { failures = append(failures, err) },
		Healed: func(t TornTail) { healed = append(healed, t) },
	})}
	w, dir := newLog(t, opts...)
	before := tailOf(w).off
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	require.Len(t, saves, 1)
	require.Equal(t, SaveEvent{Saves: 1, Entries: 3, Bytes: int(tailOf(w).off - before), Durable: true,
		Took: saves[0].Took}, saves[0])
	require.Positive(t, saves[0].Took)
	require.Equal(t, 1, syncs)

	fillSegments(t, w, 2)
	require.EqualValues(t, w.Stats().Saves, len(saves))
	require.Len(t, cuts, 2)
	all := segmentsOf(t, dir)
	require.Equal(t, filepath.Base(all[1]), cuts[0].Segment)
	require.NoError(t, release(w, at(w.LastIndex())))
	_, err := w.Purge()
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Base(all[0]), filepath.Base(all[1])}, purged)

	fsys.FailOnce(faultfs.Datasync, 0, syscall.EIO)
	last := w.LastIndex()
	failure := w.SaveEntry(entries(last+1, last+1))
	require.Error(t, failure)
	require.Error(t, w.Sync())
	require.Error(t, w.Close())
	require.Equal(t, []error{failure}, failures, "once")

	require.Empty(t, healed)
	tear(t, all[2])
	openLog(t, dir, nil, opts...)
	require.Len(t, healed, 1)
	require.Equal(t, filepath.Base(all[2]), healed[0].Segment)
	require.Equal(t, tailOf(w).off, healed[0].Offset, "behind the save whose sync failed")
	require.EqualValues(t, frame.WordSize+len("garbage"), healed[0].Bytes)
}

// tear leaves bytes behind the end of a log as a crash in the middle of a write can.
func tear(t *testing.T, path string) {
	t.Helper()
	frames := framesOf(t, path)
	last := frames[len(frames)-1]
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	// a frame without its length word
	_, err = f.WriteAt([]byte("garbage"), last.off+last.Size+frame.WordSize)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestEvents_UnsyncedSaveIsNotReportedAsDurable(t *testing.T) {
	var saves []SaveEvent
	w, _ := newLog(t, WithNoSync(), WithListener(Listener{Saved: func(e SaveEvent) {
		saves = append(saves, e)
	}}))
	require.NoError(t, w.SaveEntry(entries(1, 1)))
	require.False(t, saves[0].Durable)
	require.Zero(t, w.Stats().Syncs)
	require.NoError(t, w.Sync())
	require.EqualValues(t, 1, w.Stats().Syncs)
}

func TestEvents_HealingAndFailingAreLogged(t *testing.T) {
	fsys := faultfs.New()
	core, logs := observer.New(zap.DebugLevel)
	dir := filepath.Join(t.TempDir(), "log")
	w, err := Create(zap.New(core), dir, nil, withFS(fsys), WithSegmentSize(testSegment))
	require.NoError(t, err)
	require.NoError(t, w.SaveEntry(entries(1, 1)))
	require.Empty(t, logs.FilterLevelExact(zap.WarnLevel).All())
	fsys.FailOnce(faultfs.Datasync, 0, syscall.EIO)
	require.Error(t, w.SaveEntry(entries(2, 2)))
	require.Error(t, w.Sync())
	require.Len(t, logs.FilterLevelExact(zap.ErrorLevel).TakeAll(), 1)
	w.Close()

	tear(t, segmentsOf(t, dir)[0])
	r, err := OpenForRead(zap.New(core), dir, nil)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	w, err = Open(zap.New(core), dir, nil, WithSegmentSize(testSegment))
	require.NoError(t, err)
	defer w.Close()
	warnings := logs.FilterLevelExact(zap.WarnLevel).All()
	require.Len(t, warnings, 2)
	for _, warning := range warnings {
		fields := warning.ContextMap()
		require.Equal(t, segmentName{}.String(), fields["segment"])
		require.Equal(t, tailOf(w).off, fields["offset"])
		require.EqualValues(t, frame.WordSize+len("garbage"), fields["bytes-dropped"])
	}
	r, err = OpenForRead(zap.New(core), dir, nil)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, 2, logs.FilterLevelExact(zap.WarnLevel).Len(), "it is healed")
}

func TestEvents_SlowSyncIsWarnedOf(t *testing.T) {
	for _, tt := range []struct {
		threshold time.Duration
		warnings  int
	}{{time.Nanosecond, 1}, {time.Hour, 0}, {0, 0}, {-1, 0}} {
		fsys := faultfs.New()
		core, logs := observer.New(zap.WarnLevel)
		w, err := Create(zap.New(core), filepath.Join(t.TempDir(), "log"), nil, withFS(fsys),
			WithSlowSyncThreshold(tt.threshold))
		require.NoError(t, err)
		fsys.Fail(func(o faultfs.Call) (int, error) {
			if o.Kind == faultfs.Datasync {
				time.Sleep(time.Millisecond)
			}
			return 0, nil
		})
		require.NoError(t, w.SaveEntry(entries(1, 1)))
		require.Equal(t, tt.warnings, logs.Len(), "threshold %v", tt.threshold)
		if tt.warnings > 0 {
			require.Contains(t, logs.All()[0].Message, "slow sync")
			require.Equal(t, w.dir.Path(), logs.All()[0].ContextMap()["dir"])
		}
		require.NoError(t, w.Close())
	}
}

// The sync of the segment that ends counts as every other one.
func TestStats_SeeTheSyncOfTheSegmentThatEnds(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	var told int
	w, err := Create(zap.New(core), t.TempDir(), nil, WithSlowSyncThreshold(1), WithListener(Listener{
		Synced: func(took time.Duration) { told++ },
	}))
	require.NoError(t, err)
	defer w.Close()
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	before, warned := w.Stats(), logs.FilterMessageSnippet("slow sync").Len()
	forceCut(t, w)
	s := w.Stats()
	require.EqualValues(t, 2, s.Syncs-before.Syncs, "of the segment that ends, and of the next one")
	require.EqualValues(t, s.Syncs, told)
	require.Equal(t, warned+2, logs.FilterMessageSnippet("slow sync").Len())
}
