package wal

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/walpb"
)

// saveUntil saves one entry after the other until one fails, and returns the index of that one.
func saveUntil(t *testing.T, w *WAL, cause error) (next uint64) {
	t.Helper()
	for {
		next = w.LastIndex() + 1
		if err := w.Save(&walpb.HardState{Term: next}, entries(next, next)); err != nil {
			require.ErrorIs(t, err, cause)
			require.ErrorIs(t, err, ErrShortage)
			require.NotErrorIs(t, err, ErrFailed)
			return next
		}
	}
}

// What the next segment needs is short for a while: the saves that need it are refused, all else
// goes on, and once it is there again so do they. Nothing of the refused ones is in the log.
func TestShortage_RefusesTheSaveAndPasses(t *testing.T) {
	causes := []syscall.Errno{syscall.ENOSPC, syscall.EMFILE, syscall.EDQUOT, syscall.ENFILE}
	for i, opts := range [][]Option{nil, {WithPreallocation(PreallocateNone)}, {WithEtcdFormat()},
		{WithNoSync()}} {
		for j, kind := range []faultfs.Kind{faultfs.Create, faultfs.Truncate, faultfs.Reserve,
			faultfs.Write, faultfs.Sync} {
			if kind != faultfs.Reserve || len(opts) == 0 { // otherwise it may not be called
				requireShortagePasses(t, kind, causes[(i+j)%len(causes)], opts)
			}
		}
	}
}

func requireShortagePasses(t *testing.T, kind faultfs.Kind, cause error, opts []Option) {
	t.Helper()
	what := fmt.Sprintf("%v in %v, %d options", cause, kind, len(opts))
	disk := newMemFS(nil)
	fsys := faultfs.On(disk)
	w, err := Create(nil, memDir, []byte("metadata"),
		append(opts, WithSegmentSize(testSegment), withFS(fsys))...)
	require.NoError(t, err)
	fillSegments(t, w, 1)
	fsys.FailAll("2.tmp", cause, kind)
	next := saveUntil(t, w, cause)
	require.Equal(t, next, saveUntil(t, w, cause), "each time")
	require.NotContains(t, disk.image().names(), "2.tmp", what)

	require.Equal(t, next-1, w.LastIndex(), what)
	st, ents := contentsOf(t, w)
	require.Equal(t, entries(1, next-1), ents, what)
	require.NoError(t, w.Sync(), what)
	require.Equal(t, entries(1, next-1), readAll(t, memDir, nil, withFS(disk)), what)
	_, err = w.Purge()
	require.NoError(t, err, what)
	if len(opts) == 0 {
		report, err := Verify(nil, memDir, withFS(disk))
		require.NoError(t, err, what)
		require.Nil(t, report.Torn, what)
	}

	fsys.Fail(nil)
	require.Equal(t, &walpb.HardState{Term: next - 1}, st, what)
	require.NoError(t, w.SaveEntry(entries(next, next)), what)
	fillSegments(t, w, 2)
	last := w.LastIndex()
	w = reopen(t, w, nil, withFS(disk))
	st, ents = contentsOf(t, w)
	require.Equal(t, entries(1, last), ents, what)
	require.Equal(t, &walpb.HardState{Term: next - 1}, st, what)
}

// A log whose last segment has no space opens with a warning, can be read and purged, and takes
// saves as soon as there is space. Until then nothing is written to it, not even the mark of Close.
func TestShortage_ALogOpensWithoutSpaceForItsLastSegment(t *testing.T) {
	fsys := faultfs.New()
	w, dir := newLog(t, withFS(fsys))
	fillSegments(t, w, 3)
	last := w.LastIndex()
	require.NoError(t, w.SaveSnap(at(last)))
	// as a cut that did not come about leaves it
	require.NoError(t, w.tailSegment().file.Truncate(tailOf(w).off))
	crash(w)

	fsys.FailAll("", syscall.ENOSPC, faultfs.Reserve)
	core, logs := observer.New(zap.WarnLevel)
	w, err := Open(zap.New(core), dir, nil, WithSegmentSize(testSegment), withFS(fsys))
	require.NoError(t, err)
	require.Len(t, logs.FilterMessageSnippet("no space for the log's last segment").All(), 1)
	fsys.Take()
	for range 3 {
		require.Equal(t, last+1, saveUntil(t, w, syscall.ENOSPC))
	}
	_, err = w.Append(nil, entries(last+1, last+1))
	require.ErrorIs(t, err, ErrShortage)
	require.ErrorIs(t, w.SaveSnap(at(last)), ErrShortage)
	require.NoError(t, w.Sync())
	require.Empty(t, fsys.Take(faultfs.Write))
	require.NoError(t, w.Release(at(last)))
	removed, err := w.Purge()
	require.NoError(t, err)
	require.NotZero(t, removed)
	require.NoError(t, w.Close(), "without its mark")
	require.Empty(t, fsys.Take(faultfs.Write))

	w, err = Open(nil, dir, at(last), WithSegmentSize(testSegment), withFS(fsys))
	require.NoError(t, err)
	fsys.Fail(nil)
	require.NoError(t, w.SaveEntry(entries(last+1, last+1)))
	require.NoError(t, w.Close())
	w = openLog(t, dir, at(last))
	require.Equal(t, last+1, w.LastIndex())
}

// Closing a file of a released segment can fail, and means nothing.
func TestShortage_AReleasedFileThatDoesNotCloseWellIsNoFailure(t *testing.T) {
	fsys := faultfs.New()
	w, _ := newLog(t, withFS(fsys))
	fillSegments(t, w, 3)
	last := w.LastIndex()
	require.NoError(t, w.SaveSnap(at(last)))
	fsys.FailAll("", syscall.EIO, faultfs.Close)
	require.NoError(t, w.Release(at(last)))
	fsys.Fail(nil)
	require.NoError(t, w.SaveEntry(entries(last+1, last+1)))
	require.NoError(t, w.Close())
}

// A cut that fails for good leaves no temporary file behind.
func TestShortage_ACutThatFailsLeavesNoTemporaryFile(t *testing.T) {
	for _, kind := range []faultfs.Kind{faultfs.Write, faultfs.Sync, faultfs.Rename} {
		fsys := faultfs.New()
		w, dir := newLog(t, withFS(fsys))
		suffix := "1.tmp"
		if kind == faultfs.Rename {
			suffix = ".wal"
		}
		fsys.FailAll(suffix, syscall.EIO, kind)
		var err error
		for err == nil {
			next := w.LastIndex() + 1
			err = w.SaveEntry(entries(next, next))
		}
		require.ErrorIs(t, err, ErrFailed, kind)
		require.ErrorIs(t, w.Close(), ErrFailed)
		left, err := filepath.Glob(filepath.Join(dir, "*.tmp"))
		require.NoError(t, err)
		require.Empty(t, left, kind)
		fsys.Fail(nil)
		openLog(t, dir, nil)
	}
}

// lackingDir is a directory on a file system that can do less.
type lackingDir struct {
	vfs.Dir
	lacks *atomic.Uint32
}

func (l lackingDir) Lacks() vfs.Lack { return vfs.Lack(l.lacks.Load()) }

func TestShortage_WhatAFileSystemCannotDoIsSaidOnce(t *testing.T) {
	var lacks atomic.Uint32
	fsys := faultfs.Wrap(vfs.OS{}, func(d vfs.Dir) vfs.Dir { return lackingDir{d, &lacks} })
	core, logs := observer.New(zap.WarnLevel)
	dir := filepath.Join(t.TempDir(), "log")
	lacks.Store(uint32(vfs.LackReserve))
	w, err := Create(zap.New(core), dir, nil, WithSegmentSize(testSegment), withFS(fsys))
	require.NoError(t, err)
	require.Len(t, logs.FilterMessageSnippet("cannot reserve space").All(), 1)
	require.Equal(t, 1, logs.Len())
	lacks.Store(uint32(vfs.LackReserve | vfs.LackSyncDir)) // is found out later
	fillSegments(t, w, 2)
	require.Len(t, logs.FilterMessageSnippet("cannot sync a directory").All(), 1)
	require.Equal(t, 2, logs.Len())
	require.NoError(t, w.Close())
	w, err = Open(zap.New(core), dir, nil, WithSegmentSize(testSegment), withFS(fsys))
	require.NoError(t, err)
	require.Equal(t, 4, logs.Len())
	require.NoError(t, w.Close())
}

// cowDir is a directory on a file system without space that puts what is overwritten in a new
// place.
type cowDir struct {
	vfs.Dir
	full   *atomic.Bool
	stored bool
}

type cowFile struct {
	vfs.File
	d cowDir
}

func (d cowDir) wrapped(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return cowFile{f, d}, nil
}

func (d cowDir) OpenLocked(name string) (vfs.File, error) {
	return d.wrapped(d.Dir.OpenLocked(name))
}
func (d cowDir) CreateLocked(name string) (vfs.File, error) {
	return d.wrapped(d.Dir.CreateLocked(name))
}

func (f cowFile) CopyOnWrite() bool { return true }

func (f cowFile) Stored([]byte, int64) bool { return f.d.stored }

func (f cowFile) WriteAt(b []byte, off int64) (int, error) {
	if f.d.full.Load() {
		return 0, syscall.ENOSPC
	}
	return f.File.WriteAt(b, off)
}

// Healing need not write what the device has, if there is no space for it; otherwise it must.
func TestShortage_ALogOpensOnAFullDiskThatCopiesOnWrite(t *testing.T) {
	for _, stored := range []bool{true, false} {
		var full atomic.Bool
		fsys := faultfs.Wrap(vfs.OS{}, func(d vfs.Dir) vfs.Dir { return cowDir{d, &full, stored} })
		w, dir := newLog(t, withFS(fsys))
		fillSegments(t, w, 3)
		last := w.LastIndex()
		require.NoError(t, w.SaveSnap(at(last)))
		crash(w)
		full.Store(true)
		w, err := Open(nil, dir, nil, WithSegmentSize(testSegment), withFS(fsys))
		if !stored {
			require.ErrorIs(t, err, syscall.ENOSPC)
			continue
		}
		require.NoError(t, err)
		require.NoError(t, w.Release(at(last)))
		removed, err := w.Purge()
		require.NoError(t, err)
		require.NotZero(t, removed)
		full.Store(false)
		require.NoError(t, w.SaveEntry(entries(last+1, last+1)))
		require.NoError(t, w.Close())
	}
}

// Zeros ahead of the saves are for a file system that overwrites in place.
func TestShortage_NoZerosAheadWhereWritesAreCopied(t *testing.T) {
	for _, cow := range []bool{true, false} {
		fsys := faultfs.New()
		opts := []Option{withFS(fsys), WithSegmentSize(1 << 20)}
		if cow {
			var full atomic.Bool
			opts[0] = withFS(faultfs.Wrap(fsys, func(d vfs.Dir) vfs.Dir { return cowDir{d, &full, true} }))
		}
		w, err := Create(nil, filepath.Join(t.TempDir(), "log"), nil, opts...)
		require.NoError(t, err)
		require.NoError(t, w.SaveEntry(entries(1, 1)))
		end := tailOf(w).off
		beyond := 0
		for _, o := range fsys.Take(faultfs.Write) {
			if o.Off >= end {
				beyond++
			}
		}
		require.Equal(t, cow, beyond == 0, "zeros behind the last save")
		require.NoError(t, w.Close())
	}
}
