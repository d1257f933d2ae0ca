//go:build unix

package wal

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/vfs"
)

// busyLog is a log with several segments, and entries up to last.
func busyLog(t *testing.T, dir, metadata string) (last uint64) {
	t.Helper()
	w, err := Create(nil, dir, []byte(metadata), WithSegmentSize(testSegment), WithNoSync())
	require.NoError(t, err)
	fillSegments(t, w, 4)
	last = w.LastIndex()
	require.NoError(t, w.Close())
	return last
}

// cutPurgeAndClose does to a log whatever creates and deletes files, and returns its last index.
func cutPurgeAndClose(t *testing.T, w *WAL) (last uint64) {
	t.Helper()
	fillSegments(t, w, 3)
	last = w.LastIndex()
	require.NoError(t, w.SaveSnap(at(last)))
	require.NoError(t, w.Release(at(last)))
	removed, err := w.Purge()
	require.NoError(t, err)
	require.NotZero(t, removed)
	require.NoError(t, w.Close())
	return last
}

// A log whose path names something else since it was opened goes on where it is, and says so once.
// Nothing changes in the directory that has the path now.
func TestDirectory_ALogGoesOnInItsOwn(t *testing.T) {
	// dir is where the log is opened, old where it is then
	moves := map[string]func(t *testing.T, dir, old string){
		"replaced by a copy": func(t *testing.T, dir, old string) {
			require.NoError(t, os.Rename(dir, old))
			copyDir(t, old, dir)
		},
		"replaced by another log": func(t *testing.T, dir, old string) {
			require.NoError(t, os.Rename(dir, old))
			busyLog(t, dir, "another")
		},
		"replaced by an empty directory": func(t *testing.T, dir, old string) {
			require.NoError(t, os.Rename(dir, old))
			require.NoError(t, os.Mkdir(dir, 0o700))
		},
		"renamed": func(t *testing.T, dir, old string) { require.NoError(t, os.Rename(dir, old)) },
		"behind a link that is switched": func(t *testing.T, dir, old string) {
			other := filepath.Join(t.TempDir(), "other")
			busyLog(t, other, "another")
			require.NoError(t, os.Remove(dir))
			require.NoError(t, os.Symlink(other, dir))
		},
	}
	for name, move := range moves {
		t.Run(name, func(t *testing.T) {
			dir, old := filepath.Join(t.TempDir(), "log"), filepath.Join(t.TempDir(), "old")
			if name == "behind a link that is switched" {
				require.NoError(t, os.Mkdir(old, 0o700))
				require.NoError(t, os.Symlink(old, dir))
			}
			last := busyLog(t, dir, "metadata")
			core, logs := observer.New(zap.WarnLevel)
			w, err := Open(zap.New(core), dir, nil, WithSegmentSize(testSegment), WithMaxOpenFiles(1),
				WithNoSync())
			require.NoError(t, err)
			r, err := OpenForRead(nil, dir, nil, WithMaxOpenFiles(1))
			require.NoError(t, err)
			move(t, dir, old)
			var before map[string]string
			if name != "renamed" {
				before = files(t, dir)
			}

			_, ents := contentsOf(t, w)
			require.Equal(t, entries(1, last), ents)
			_, _, ents, err = r.ReadAll()
			require.NoError(t, err)
			require.Equal(t, entries(1, last), ents, "a reader stays, too")
			require.NoError(t, r.Close())
			last = cutPurgeAndClose(t, w)

			require.Len(t, logs.FilterMessageSnippet("names another directory").All(), 1, "it is said once")
			if name == "renamed" {
				require.NoDirExists(t, dir)
			} else {
				require.Equal(t, before, files(t, dir), "what has the path now")
			}
			w = openLog(t, old, at(last))
			require.Equal(t, last, w.LastIndex())
			require.NoError(t, w.Close())
		})
	}
}

func TestDirectory_ALogThatStaysWhereItIsWarnsOfNothing(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	w, err := Create(zap.New(core), filepath.Join(t.TempDir(), "log"), nil,
		WithSegmentSize(testSegment))
	require.NoError(t, err)
	fillSegments(t, w, 2)
	require.NoError(t, w.Close())
	require.Empty(t, logs.All())
}

func TestDirectory_ADeletedOneIsTheEndOfItsLog(t *testing.T) {
	ends := map[string]func(w *WAL) error{
		"a cut": func(w *WAL) (err error) {
			for err == nil {
				next := w.LastIndex() + 1
				err = w.SaveEntry(entries(next, next))
			}
			return err
		},
		"Purge": func(w *WAL) error { _, err := w.Purge(); return err },
		"Close": func(w *WAL) error { return w.Close() },
	}
	for name, end := range ends {
		for _, again := range []bool{false, true} { // another log is made in its place
			w, dir := newLog(t, WithNoSync())
			fillSegments(t, w, 1)
			require.NoError(t, os.RemoveAll(dir))
			if again {
				busyLog(t, dir, "another")
			}
			err := end(w)
			require.ErrorIs(t, err, ErrFailed, name)
			require.ErrorIs(t, err, fs.ErrNotExist, name)
			require.ErrorContains(t, err,
				"its directory was deleted, and what was acknowledged is gone with it", name)
			require.Equal(t, w.sticky.err(), err)
			if name != "Close" {
				require.ErrorIs(t, w.SaveEntry(entries(1, 1)), ErrFailed, name)
				require.ErrorIs(t, w.Close(), ErrFailed, name)
			}
			if again {
				require.NotEmpty(t, readAll(t, dir, nil))
			}
		}
	}
}

// gateDir is a directory in which removals wait.
type gateDir struct {
	vfs.Dir
	arrived, goOn chan struct{}
	once          sync.Once
}

func (g *gateDir) Remove(name string) error {
	g.once.Do(func() {
		close(g.arrived)
		<-g.goOn
	})
	return g.Dir.Remove(name)
}

// A Purge under way ends at the segment it is at when the log is closed, and Close returns after
// it.
func TestDirectory_CloseWaitsForPurgeWhichEnds(t *testing.T) {
	gate := &gateDir{arrived: make(chan struct{}), goOn: make(chan struct{})}
	fsys := faultfs.Wrap(vfs.OS{}, func(d vfs.Dir) vfs.Dir {
		gate.Dir = d
		return gate
	})
	w, dir := newLog(t, withFS(fsys))
	fillSegments(t, w, 5)
	last := w.LastIndex()
	require.NoError(t, w.SaveSnap(at(last)))
	require.NoError(t, w.Release(at(last)))
	there := len(segmentsOf(t, dir))
	var removed int
	var purgeErr, closeErr error
	var wait sync.WaitGroup
	wait.Go(func() { removed, purgeErr = w.Purge() })
	<-gate.arrived
	closed := make(chan struct{})
	wait.Go(func() {
		closeErr = w.Close()
		close(closed)
	})
	for !w.leaving.Load() {
		runtime.Gosched()
	}
	select {
	case <-closed:
		t.Error("Close returned before Purge")
	case <-time.After(50 * time.Millisecond): // long enough for one that does not wait
	}
	close(gate.goOn)
	wait.Wait()
	require.NoError(t, closeErr)
	require.ErrorIs(t, purgeErr, ErrClosed)
	require.Equal(t, 1, removed)
	require.Len(t, segmentsOf(t, dir), there-1)
	_, err := w.Purge()
	require.ErrorIs(t, err, ErrClosed)
	require.Len(t, segmentsOf(t, dir), there-1)
}

// foreign puts something that is no temporary file of a log under a name.
var foreign = map[string]func(t *testing.T, path string){
	"a link": func(t *testing.T, path string) {
		target := filepath.Join(t.TempDir(), "target")
		require.NoError(t, os.WriteFile(target, []byte("precious"), 0o600))
		t.Cleanup(func() {
			data, err := os.ReadFile(target)
			require.NoError(t, err)
			require.Equal(t, "precious", string(data))
		})
		require.NoError(t, os.Symlink(target, path))
	},
	"a link to nothing": func(t *testing.T, path string) {
		target := filepath.Join(t.TempDir(), "target")
		require.NoError(t, os.Symlink(target, path))
		t.Cleanup(func() { require.NoFileExists(t, target) })
	},
	"a directory": func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) },
	"a directory with something in it": func(t *testing.T, path string) {
		require.NoError(t, os.Mkdir(path, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(path, "f"), []byte("precious"), 0o600))
	},
	"a pipe": func(t *testing.T, path string) { require.NoError(t, syscall.Mkfifo(path, 0o600)) },
}

// What has the name of a temporary file and is none keeps a log neither from being
// created, nor from being opened, nor from going on; and it is there afterwards.
func TestDirectory_WhatStandsInTheWayOfATemporaryFileIsLeftAlone(t *testing.T) {
	for name, put := range foreign {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			require.NoError(t, os.Mkdir(dir, 0o700))
			blocked := []string{"0.tmp", "0.1.tmp", "1.tmp", "2.tmp"}
			before := map[string]fs.FileMode{}
			for _, b := range blocked {
				put(t, filepath.Join(dir, b))
				info, err := os.Lstat(filepath.Join(dir, b))
				require.NoError(t, err)
				before[b] = info.Mode()
			}
			w, err := Create(nil, dir, []byte("metadata"), WithSegmentSize(testSegment))
			require.NoError(t, err)
			w = reopen(t, w, nil)
			fillSegments(t, w, 3)
			last := w.LastIndex()
			w = reopen(t, w, nil)
			_, ents := contentsOf(t, w)
			require.Equal(t, entries(1, last), ents)
			require.NoError(t, w.Close())
			for b, mode := range before {
				info, err := os.Lstat(filepath.Join(dir, b))
				require.NoError(t, err)
				require.Equal(t, mode, info.Mode(), b)
			}
			left, err := filepath.Glob(filepath.Join(dir, "*.tmp"))
			require.NoError(t, err)
			require.Len(t, left, len(blocked))
		})
	}
	t.Run("a file with another name", func(t *testing.T) {
		w, dir := newLog(t)
		other := filepath.Join(t.TempDir(), "other")
		require.NoError(t, os.WriteFile(other, []byte("precious"), 0o600))
		require.NoError(t, os.Link(other, filepath.Join(dir, "1.tmp")))
		fillSegments(t, w, 2)
		data, err := os.ReadFile(other)
		require.NoError(t, err)
		require.Equal(t, "precious", string(data))
	})
}

// Whatever opens a log gives an error, at once, when something that is no file has the name of a
// segment.
func TestDirectory_WhatIsNoFileInThePlaceOfASegment(t *testing.T) {
	for _, name := range []string{"a pipe", "a directory", "a directory with something in it",
		"a link to a pipe"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			busyLog(t, dir, "metadata")
			for _, path := range segmentsOf(t, dir) {
				kept := path + ".kept"
				require.NoError(t, os.Rename(path, kept))
				if name == "a link to a pipe" {
					pipe := filepath.Join(t.TempDir(), "pipe")
					foreign["a pipe"](t, pipe)
					require.NoError(t, os.Symlink(pipe, path))
				} else {
					foreign[name](t, path)
				}
				within(t, "opening it", func() { requireIrregular(t, dir, filepath.Base(path)) })
				require.NoError(t, os.RemoveAll(path))
				require.NoError(t, os.Rename(kept, path))
			}
			openLog(t, dir, nil)
		})
	}
}

// requireIrregular makes sure that all readings of a log fail at a segment that is no file.
func requireIrregular(t *testing.T, dir, segment string) {
	t.Helper()
	check := func(what string, err error) {
		t.Helper()
		require.ErrorContains(t, err, segment, what)
		require.ErrorContains(t, err, "not a regular file", what)
		require.NotErrorIs(t, err, ErrCorrupt, what)
	}
	_, err := Open(nil, dir, nil)
	check("Open", err)
	_, err = OpenForRead(nil, dir, nil)
	check("OpenForRead", err)
	_, err = Verify(nil, dir)
	check("Verify", err)
	_, err = ValidSnapshots(nil, dir)
	check("ValidSnapshots", err)
	_, err = Repair(nil, dir, WithTruncateCorruption())
	check("Repair", err)
	for _, err = range Records(dir) {
		if err != nil {
			break
		}
	}
	check("Records", err)
}

// A segment may be a link to a file on another disk.
func TestDirectory_ASegmentMayBeALink(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	last := busyLog(t, dir, "metadata")
	other := t.TempDir()
	for _, path := range segmentsOf(t, dir) {
		moved := filepath.Join(other, filepath.Base(path))
		require.NoError(t, os.Rename(path, moved))
		require.NoError(t, os.Symlink(moved, path))
	}
	w := openLog(t, dir, nil)
	fillSegments(t, w, 1)
	_, ents := contentsOf(t, w)
	require.Equal(t, entries(1, w.LastIndex()), ents)
	require.Greater(t, w.LastIndex(), last)
}
