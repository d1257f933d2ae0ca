package wal

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

func TestWAL_SavedIsReadBeforeAndAfterReopening(t *testing.T) {
	for name, opts := range map[string][]Option{
		"default":       nil,
		"etcd format":   {WithEtcdFormat()},
		"reserve":       {WithPreallocation(PreallocateReserve)},
		"no allocation": {WithPreallocation(PreallocateNone)},
		"no sync":       {WithNoSync()},
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := newLog(t, opts...)
			require.True(t, Exist(dir))
			st, ents := contentsOf(t, w)
			require.Equal(t, &walpb.HardState{}, st)
			require.Empty(t, ents)
			require.EqualValues(t, 1, w.FirstIndex())
			require.Zero(t, w.LastIndex())
			for i := uint64(1); i <= 200; i += 2 {
				require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: i}, entries(i, i+1)))
				if i%50 == 1 { // between saves, twice
					for range 2 {
						st, ents := contentsOf(t, w)
						require.Equal(t, &walpb.HardState{Term: 1, Commit: i}, st)
						require.Equal(t, entries(1, i+1), ents)
					}
				}
			}
			require.NoError(t, w.SaveSnap(at(150)))
			require.Greater(t, w.Stats().Cuts, uint64(1))
			for _, snap := range []log.Snapshot{nil, (*walpb.Snapshot)(nil), &walpb.Snapshot{}, at(150)} {
				w = reopen(t, w, snap, opts...)
				st, ents := contentsOf(t, w)
				require.Equal(t, &walpb.HardState{Term: 1, Commit: 199}, st)
				first := startAt(snap).index + 1
				require.Equal(t, entries(first, 200), ents)
				require.EqualValues(t, 200, w.LastIndex())
				require.Equal(t, at(150), w.Snapshot())
				require.Equal(t, st, w.State())
			}
		})
	}
}

func TestWAL_WhatIsReturnedIsTheCallersOwn(t *testing.T) {
	metadata := []byte("metadata")
	w, err := Create(nil, filepath.Join(t.TempDir(), "log"), metadata)
	require.NoError(t, err)
	defer w.Close()
	saved := entry(1, 1, "data")
	require.NoError(t, w.Save(&walpb.HardState{Term: 5}, []log.LogEntry{saved}))
	metadata[0], saved.Data[0] = 'X', 'X' // after the call they are the caller's again
	for range 2 {
		m, st, ents, err := w.ReadAll()
		require.NoError(t, err)
		require.Equal(t, "metadata", string(m))
		require.Equal(t, []log.LogEntry{entry(1, 1, "data")}, ents)
		require.EqualValues(t, 5, st.(*walpb.HardState).Term)
		m[0], ents[0].(*walpb.Entry).Data[0] = 'Y', 'Y'
		st.Reset()
		w.State().Reset()
		w.Snapshot().(*walpb.Snapshot).Index = 9
		w.Metadata()[0] = 'Z'
	}
	require.Zero(t, w.Snapshot().GetIndex())
}

func TestWAL_SavingNothing(t *testing.T) {
	w, _ := newLog(t)
	before := tailOf(w)
	require.NoError(t, w.Save(nil, nil))
	require.NoError(t, w.Save(nil, []log.LogEntry{}))
	require.NoError(t, w.SaveEntry(nil))
	require.NoError(t, w.SaveState(nil))
	require.NoError(t, w.SaveState(&walpb.HardState{}), "an empty state is left out")
	require.NoError(t, w.Sync())
	require.Equal(t, before, tailOf(w))
	require.Zero(t, w.Stats().Saves)

	require.NoError(t, w.SaveState(&walpb.HardState{Term: 4}))
	require.NoError(t, w.Save(&walpb.HardState{}, entries(1, 1)))
	w = reopen(t, w, nil)
	st, ents := contentsOf(t, w)
	require.Equal(t, &walpb.HardState{Term: 4}, st, "an empty state does not replace one")
	require.Equal(t, entries(1, 1), ents)
}

func TestWAL_BadArgumentsAreRefusedAndTheLogGoesOn(t *testing.T) {
	w, _ := newLog(t)
	require.ErrorIs(t, w.SaveState((*walpb.HardState)(nil)), ErrInvalidArgument)
	require.ErrorIs(t, w.SaveSnap(nil), ErrInvalidArgument)
	require.ErrorIs(t, w.SaveSnap((*walpb.Snapshot)(nil)), ErrInvalidArgument)
	require.ErrorIs(t, w.Release(nil), ErrInvalidArgument)
	require.ErrorIs(t, w.Release((*walpb.Snapshot)(nil)), ErrInvalidArgument)
	require.ErrorIs(t, w.SaveEntry([]log.LogEntry{nil}), ErrInvalidArgument)
	require.ErrorIs(t, w.SaveEntry([]log.LogEntry{entry(1, 1, ""), (*walpb.Entry)(nil)}),
		ErrInvalidArgument)
	require.NoError(t, w.SaveEntry(entries(1, 1)))
	require.Equal(t, entries(1, 1), readAll(t, w.dir.Path(), nil))
}

func TestWAL_MetadataOfAnySizeIsInEverySegment(t *testing.T) {
	for name, metadata := range map[string][]byte{
		"nil": nil, "empty": {}, "one byte": {0},
		"larger than a segment": bytes.Repeat([]byte("huge"), 5000),
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			w, err := Create(nil, dir, metadata, WithSegmentSize(testSegment))
			require.NoError(t, err)
			require.Equal(t, metadata, w.Metadata())
			for i := uint64(1); w.Stats().Cuts < 3; i++ {
				require.NoError(t, w.SaveEntry(entries(i, i)))
			}
			last := w.LastIndex()
			require.NoError(t, release(w, at(last)))
			require.NoError(t, w.Close())
			w = openLog(t, dir, nil)
			got, _, ents, err := w.ReadAll()
			require.NoError(t, err)
			require.Equal(t, metadata, got)
			require.Equal(t, metadata == nil, got == nil)
			require.Equal(t, entries(1, last), ents)
			require.NoError(t, release(w, at(last)))
			removed, err := w.Purge()
			require.NoError(t, err)
			require.Equal(t, 3, removed)
			require.NoError(t, w.Close())
			require.Equal(t, metadata, openLog(t, dir, nil).Metadata())
		})
	}
}

func TestWAL_CreateAndOpenRefuseWhatIsNotThere(t *testing.T) {
	w, dir := newLog(t)
	_, err := Create(nil, dir, nil)
	require.ErrorIs(t, err, fs.ErrExist, "while it is open")
	require.NoError(t, w.SaveEntry(entries(1, 1)))
	require.NoError(t, w.Close())
	before := files(t, dir)
	_, err = Create(nil, dir, nil)
	require.ErrorIs(t, err, fs.ErrExist)
	require.Equal(t, before, files(t, dir))

	empty, file := t.TempDir(), filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("not a directory"), 0o600))
	for _, nothing := range []string{empty, filepath.Join(empty, "missing"), file,
		filepath.Join(file, "below")} {
		require.False(t, Exist(nothing))
		for what, open := range map[string]func() error{
			"Open":           func() error { _, err := Open(nil, nothing, nil); return err },
			"OpenForRead":    func() error { _, err := OpenForRead(nil, nothing, nil); return err },
			"Verify":         func() error { _, err := Verify(nil, nothing); return err },
			"Repair":         func() error { _, err := Repair(nil, nothing); return err },
			"ValidSnapshots": func() error { _, err := ValidSnapshots(nil, nothing); return err },
		} {
			err := open()
			require.Error(t, err, what)
			if filepath.Base(nothing) != "file" && filepath.Base(nothing) != "below" {
				require.ErrorIs(t, err, fs.ErrNotExist, what)
			}
		}
	}
	for _, bad := range []string{file, filepath.Join(file, "below")} {
		_, err = Create(nil, bad, nil)
		require.Error(t, err)
	}
	require.Equal(t, map[string]string{}, files(t, empty))
}

func TestWAL_OneWriterAtATime(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 1)))
	requireLocked := func() {
		t.Helper()
		_, err := Open(nil, dir, nil)
		require.ErrorIs(t, err, ErrLocked)
		_, err = Repair(nil, dir)
		require.ErrorIs(t, err, ErrLocked)
		require.Equal(t, entries(1, w.LastIndex()), readAll(t, dir, nil), "a reader needs no lock")
	}
	requireLocked()
	fillSegments(t, w, 2)
	require.NoError(t, release(w, at(w.LastIndex())))
	requireLocked()
	require.NoError(t, w.SaveEntry(entries(w.LastIndex()+1, w.LastIndex()+1)),
		"the attempts did no harm")
	w = reopen(t, w, nil)
	requireLocked()
}

func TestWAL_EveryCallAfterCloseIsErrClosed(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	require.NoError(t, w.Close())
	require.NoError(t, w.Close(), "again")
	for name, call := range callsOf(w) {
		require.ErrorIs(t, call(), ErrClosed, name)
		require.NotErrorIs(t, call(), ErrFailed, name)
	}
	_ = w.Stats()
	require.Equal(t, []byte("metadata"), w.Metadata())

	r, err := OpenForRead(nil, dir, nil)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	_, _, _, err = r.ReadAll()
	require.ErrorIs(t, err, ErrClosed)
	_, err = r.Entry(1)
	require.ErrorIs(t, err, ErrClosed)
}

// lazyState must be synced for a new term only, as in etcd's raft.
type lazyState struct{ walpb.HardState }

func (s *lazyState) MustSync(prev log.HardState) bool {
	before, ok := prev.(*lazyState)
	return !ok || before.Term != s.Term
}
