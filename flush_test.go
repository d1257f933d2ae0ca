package wal

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

func TestFlush_SyncedIsNotClaimedAfterAnUnsyncedSaveUntilASync(t *testing.T) {
	fsys := faultfs.New()
	reg := log.NewRegistry()
	reg.Register(log.StateType, &lazyState{})
	w, dir := newLog(t, withFS(fsys), WithRegistry(reg))
	state := func(term, commit uint64) *lazyState {
		return &lazyState{walpb.HardState{Term: term, Commit: commit}}
	}
	steps := []struct {
		name      string
		do        func() error
		synced    bool // what the record says of all before it
		thenSyncs int
	}{
		{"first state", func() error { return w.SaveState(state(1, 0)) }, true, 1},
		{"commit only", func() error { return w.SaveState(state(1, 1)) }, true, 0},
		{"commit again", func() error { return w.SaveState(state(1, 2)) }, false, 0},
		{"term", func() error { return w.SaveState(state(2, 2)) }, false, 1},
		{"commit after sync", func() error { return w.SaveState(state(2, 3)) }, true, 0},
		{"with an entry", func() error { return w.Save(state(2, 4), entries(1, 1)) }, false, 1},
		{"entry", func() error { return w.SaveEntry(entries(2, 2)) }, true, 1},
		{"commit before Sync", func() error { return w.SaveState(state(2, 5)) }, true, 0},
		{"after Sync", func() error {
			if err := w.Sync(); err != nil {
				return err
			}
			return w.SaveState(state(2, 6))
		}, true, 1},
	}
	for _, s := range steps {
		fsys.Take()
		before := tailOf(w).off
		require.NoError(t, s.do(), s.name)
		require.Len(t, fsys.Take(faultfs.Datasync, faultfs.Sync), s.thenSyncs, s.name)
		for _, f := range framesOf(t, segmentsOf(t, dir)[0]) {
			if f.off == before {
				require.Equal(t, s.synced, f.Flags&frame.FlagSynced != 0, s.name)
			} else if f.off > before {
				require.Zero(t, f.Flags&frame.FlagSynced, s.name)
			}
		}
	}
	w = reopen(t, w, nil, WithRegistry(reg))
	require.Equal(t, state(2, 6), w.State())
}

func TestFlush_EveryBatchSaysSyncedExactlyOnceAndCommits(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1}, entries(1, 3)))
	require.NoError(t, w.SaveSnap(at(2)))
	require.NoError(t, w.TruncateBack(2))
	var flags []byte
	var types []log.RecordType
	frames := framesOf(t, segmentsOf(t, dir)[0])
	for _, f := range frames {
		flags, types = append(flags, f.Flags), append(types, f.Type)
	}
	const sync, both = frame.FlagSynced, frame.FlagSynced | frame.FlagCommit
	require.Equal(t, []log.RecordType{
		log.CrcType, log.MetadataType, log.SnapshotType,
		log.EntryType, log.EntryType, log.EntryType, log.StateType,
		log.SnapshotType, log.CrcType,
	}, types)
	require.Equal(t, []byte{sync, 0, frame.FlagCommit, sync, 0, 0, frame.FlagCommit, both, both},
		flags)
	require.Equal(t, append([]byte{frame.ControlTruncate},
		binary.LittleEndian.AppendUint64(nil, 2)...), frames[8].Control())
}
