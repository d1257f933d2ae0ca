//go:build unix

package wal

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/client/pkg/v3/fileutil"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/walpb"
)

// lockCount counts the files that are open with their locks held.
type lockCount struct {
	mu         sync.Mutex
	open, most int
}

func (c *lockCount) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open += n
	c.most = max(c.most, c.open)
}

type lockCountDir struct {
	vfs.Dir
	c *lockCount
}

type lockCountFile struct {
	vfs.File
	c *lockCount
}

func (d lockCountDir) counted(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	d.c.add(1)
	return lockCountFile{f, d.c}, nil
}

func (d lockCountDir) OpenLocked(name string) (vfs.File, error) {
	return d.counted(d.Dir.OpenLocked(name))
}
func (d lockCountDir) CreateLocked(name string) (vfs.File, error) {
	return d.counted(d.Dir.CreateLocked(name))
}

func (f lockCountFile) Close() error {
	f.c.add(-1)
	return f.File.Close()
}

// Three locks and the next file, however many segments there are.
func TestLocks_AreFewHoweverManySegmentsThereAre(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4)) // as many segments would be read at a time
	var c lockCount
	slow := faultfs.New()
	reads := &countingFS{FS: faultfs.Wrap(slow,
		func(d vfs.Dir) vfs.Dir { return lockCountDir{d, &c} })}
	w, dir := newLog(t, withFS(reads), WithMaxOpenFiles(1), WithNoSync())
	fillSegments(t, w, 20)
	require.LessOrEqual(t, c.most, 4)
	slow.Fail(func(o faultfs.Call) (int, error) {
		if o.Kind == faultfs.Read {
			time.Sleep(time.Millisecond) // long enough for another one to be opened meanwhile
		}
		return 0, nil
	})
	w = reopen(t, w, nil, withFS(reads), WithMaxOpenFiles(1))
	slow.Fail(nil)
	require.LessOrEqual(t, c.most, 4)
	_, most, _ := reads.counts()
	require.Equal(t, 1, most, "also while it is opened")
	fillSegments(t, w, 2)
	last := w.LastIndex()
	require.NoError(t, w.SaveSnap(at(last/2)))
	require.NoError(t, w.Release(at(last/2)))
	require.LessOrEqual(t, c.most, 5, "the new oldest one is locked before the old one is given up")
	require.NoError(t, w.Close())
	require.Zero(t, c.open)

	data := make([]byte, 100)
	for _, path := range segmentsOf(t, dir)[:15] { // all behind them is to be set aside
		patchForGood(t, path, data)
	}
	c.most = 0
	_, err := Repair(nil, dir, withFS(reads), WithTruncateCorruption(), WithMaxOpenFiles(1))
	_ = err // most likely there is nothing that could be kept
	require.LessOrEqual(t, c.most, 5)
	require.Zero(t, c.open)
	_, most, _ = reads.counts()
	require.LessOrEqual(t, most, 2)
}

// patchForGood overwrites the middle of a file.
func patchForGood(t *testing.T, path string, data []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteAt(data, testSegment/2)
	require.NoError(t, err)
}

// isLocked tells whether etcd's tools find a segment locked.
func isLocked(t *testing.T, path string) bool {
	t.Helper()
	f, err := fileutil.TryLockFile(path, os.O_RDWR, fileutil.PrivateFileMode)
	if err != nil {
		require.ErrorIs(t, err, fileutil.ErrLocked)
		return true
	}
	require.NoError(t, f.Close())
	return false
}

// The locks that are held keep out who opens the log for writing, and etcd's purge.
func TestLocks_KeepOthersOut(t *testing.T) {
	w, dir := newLog(t, WithNoSync())
	check := func(what string) {
		t.Helper()
		paths := segmentsOf(t, dir)
		n := len(paths)
		require.True(t, isLocked(t, paths[n-1]), "%s: the last one", what)
		require.True(t, isLocked(t, paths[max(n-2, 0)]), "%s: the one before it", what)
		oldest := filepath.Join(dir, w.segments[0].String())
		require.True(t, isLocked(t, oldest), "%s: the oldest one", what)
		_, err := Open(nil, dir, nil)
		require.ErrorIs(t, err, ErrLocked, what)
	}
	check("created")
	for range 6 {
		fillSegments(t, w, 1)
		check("cut")
	}
	w = reopen(t, w, nil)
	check("opened")
	last := w.LastIndex()
	middle := w.segments[3]
	require.NoError(t, w.SaveSnap(at(middle.index)))
	require.NoError(t, w.Release(at(middle.index)))
	check("released")
	fillSegments(t, w, 3)
	check("cut again")

	before := segmentsOf(t, dir)
	stop := make(chan struct{})
	close(stop) // after one round
	done, _ := fileutil.PurgeFileWithDoneNotify(nil, dir, ".wal", 1, 0, stop)
	<-done
	require.Equal(t, before[3:], segmentsOf(t, dir),
		"etcd's purge deletes what was released, and stops there")
	removed, err := w.Purge()
	require.NoError(t, err, "somebody else has deleted it")
	require.Zero(t, removed)
	require.Equal(t, before[3:], segmentsOf(t, dir))
	w = reopen(t, w, at(middle.index))
	require.Greater(t, w.LastIndex(), last)
}

// A Release that cannot lock what is the oldest segment then has not let go of anything.
func TestLocks_ReleaseForWantOfADescriptor(t *testing.T) {
	fsys := faultfs.New()
	w, dir := newLog(t, withFS(fsys))
	fillSegments(t, w, 6)
	index := w.segments[3].index
	require.NoError(t, w.SaveSnap(at(index)))
	fsys.FailAll("", syscall.EMFILE, faultfs.OpenLocked)
	err := w.Release(at(index))
	require.ErrorIs(t, err, syscall.EMFILE)
	require.ErrorContains(t, err, "raise the limit of open files")
	require.EqualValues(t, 1, w.FirstIndex())
	removed, err := w.Purge()
	require.NoError(t, err)
	require.Zero(t, removed)
	fsys.Fail(nil)
	require.NoError(t, w.Release(at(index)))
	removed, err = w.Purge()
	require.NoError(t, err)
	require.Equal(t, 3, removed)
	require.NoError(t, w.Close())
	fsys.FailAll("", syscall.EMFILE, faultfs.OpenLocked, faultfs.OpenRead, faultfs.OpenDir)
	for what, open := range map[string]func() error{
		"Open":        func() error { _, err := Open(nil, dir, nil, withFS(fsys)); return err },
		"OpenForRead": func() error { _, err := OpenForRead(nil, dir, nil, withFS(fsys)); return err },
	} {
		err := open()
		require.ErrorIs(t, err, syscall.EMFILE, what)
		require.ErrorContains(t, err, "raise the limit of open files", what)
	}
}

// Other files in the directory cost a Purge nothing.
func TestLocks_PurgeDoesNotListTheDirectory(t *testing.T) {
	fsys := faultfs.New()
	w, _ := newLog(t, withFS(fsys))
	fillSegments(t, w, 6)
	w = reopen(t, w, nil, withFS(fsys))
	fillSegments(t, w, 1)
	last := w.LastIndex()
	require.NoError(t, w.SaveSnap(at(last)))
	fsys.Take()
	require.NoError(t, w.Release(at(last)))
	removed, err := w.Purge()
	require.NoError(t, err)
	require.Greater(t, removed, 4)
	w = reopen(t, w, at(last), withFS(fsys))
	fsys.Take()
	_, err = w.Purge()
	require.NoError(t, err)
	require.Empty(t, fsys.Take(faultfs.List))
}

// What stands before the segment that a log is opened at is purged without being released again.
func TestLocks_PurgeDeletesWhatIsBeforeTheSegmentThatTheLogWasOpenedAt(t *testing.T) {
	w, dir := newLog(t)
	fillSegments(t, w, 5)
	last := w.LastIndex()
	require.NoError(t, w.SaveSnap(at(last)))
	require.NoError(t, w.SaveState(&walpb.HardState{Term: 1, Commit: last}))
	w = reopen(t, w, at(last))
	removed, err := w.Purge()
	require.NoError(t, err)
	require.NotZero(t, removed)
	require.Len(t, segmentsOf(t, dir), 6-removed)
}
