package wal

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

func TestSavedIsReadBeforeAndAfterReopening(t *testing.T) {
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

func TestWhatIsReturnedIsTheCallersOwn(t *testing.T) {
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

func TestSavingNothing(t *testing.T) {
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

func TestBadArgumentsAreRefusedAndTheLogGoesOn(t *testing.T) {
	w, _ := newLog(t)
	require.ErrorIs(t, w.SaveState((*walpb.HardState)(nil)), ErrInvalidArgument)
	require.ErrorIs(t, w.SaveSnap(nil), ErrInvalidArgument)
	require.ErrorIs(t, w.SaveSnap((*walpb.Snapshot)(nil)), ErrInvalidArgument)
	require.ErrorIs(t, w.Release(nil), ErrInvalidArgument)
	require.ErrorIs(t, w.Release((*walpb.Snapshot)(nil)), ErrInvalidArgument)
	require.ErrorIs(t, w.SaveEntry([]log.LogEntry{nil}), ErrInvalidArgument)
	require.ErrorIs(t, w.SaveEntry([]log.LogEntry{entry(1, 1, ""), (*walpb.Entry)(nil)}), ErrInvalidArgument)
	require.NoError(t, w.SaveEntry(entries(1, 1)))
	require.Equal(t, entries(1, 1), readAll(t, w.dir.Path(), nil))
}

func TestMetadataOfAnySizeIsInEverySegment(t *testing.T) {
	for name, metadata := range map[string][]byte{
		"nil": nil, "empty": {}, "one byte": {0}, "larger than a segment": bytes.Repeat([]byte("huge"), 5000),
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

func TestSavesOfEverySizeAroundThatOfASegment(t *testing.T) {
	for _, size := range []int{0, 1, 100, testSegment / 2, testSegment - 200, testSegment, testSegment + 1, 3 * testSegment, 300_000} {
		w, dir := newLog(t)
		var want []log.LogEntry
		for i := uint64(1); i <= 5; i++ {
			ents := []log.LogEntry{&walpb.Entry{Index: i, Data: bytes.Repeat([]byte{byte(i)}, size)}}
			want = append(want, ents...)
			require.NoError(t, w.SaveEntry(ents), "size %d", size)
		}
		_, ents := contentsOf(t, w)
		require.Equal(t, want, ents, "size %d", size)
		w = reopen(t, w, nil)
		_, ents = contentsOf(t, w)
		require.Equal(t, want, ents, "size %d", size)
		if size > testSegment {
			require.Len(t, segmentsOf(t, dir), 5, "size %d: each has a segment of its own", size)
		}
	}
}

func TestSaveThatFillsASegmentToTheByteStaysInIt(t *testing.T) {
	for over, cuts := range map[int]uint64{-8: 0, 0: 0, 8: 1} {
		w, dir := newLog(t)
		require.NoError(t, w.SaveEntry(entries(1, 1))) // else a save that is too large would not cut
		ent := &walpb.Entry{Index: 2, Data: []byte{}}
		endWith := func() int64 {
			w.writer.Lock()
			defer w.writer.Unlock()
			m := w.open.mark()
			defer w.open.back(m)
			_, err := w.open.encode(&save{ents: []log.LogEntry{ent}}, w.appended, w.types)
			require.NoError(t, err)
			return w.open.enc.end()
		}
		room := int(w.opts.segmentSize - endWith())
		for grow := room + over - 16; ; grow++ { // the length's varint grows, too
			require.LessOrEqual(t, grow, room+over)
			ent.Data = bytes.Repeat([]byte("x"), grow)
			if endWith() == w.opts.segmentSize+int64(over) {
				break
			}
		}
		require.NoError(t, w.SaveEntry([]log.LogEntry{ent}))
		require.Equal(t, cuts, w.Stats().Cuts, "%d bytes over", over)
		require.NoError(t, w.SaveEntry(entries(3, 3)))
		want := []log.LogEntry{entry(1, 1, "entry 1"), ent, entry(1, 3, "entry 3")}
		require.Equal(t, want, readAll(t, dir, nil))
		crash(w)
		require.Equal(t, want, readAll(t, dir, nil))
	}
}

func TestCreateAndOpenRefuseWhatIsNotThere(t *testing.T) {
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
	for _, nothing := range []string{empty, filepath.Join(empty, "missing"), file, filepath.Join(file, "below")} {
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

func TestOneWriterAtATime(t *testing.T) {
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
	require.NoError(t, w.SaveEntry(entries(w.LastIndex()+1, w.LastIndex()+1)), "the attempts did no harm")
	w = reopen(t, w, nil)
	requireLocked()
}

func TestEveryCallAfterCloseIsErrClosed(t *testing.T) {
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

func TestOptionsAreChecked(t *testing.T) {
	_, dir := newLog(t)
	for name, opt := range map[string]Option{
		"zero size":     WithSegmentSize(0),
		"negative size": WithSegmentSize(-1),
		"small size":    WithSegmentSize(MinSegmentSize - 1),
		"low mode":      WithPreallocation(-1),
		"high mode":     WithPreallocation(PreallocateNone + 1),
	} {
		fresh := filepath.Join(t.TempDir(), "log")
		_, err := Create(nil, fresh, nil, opt)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
		require.NoDirExists(t, fresh, name)
		_, err = Open(nil, dir, nil, opt)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
		_, err = OpenForRead(nil, dir, nil, opt)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
		_, err = Verify(nil, dir, opt)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
		_, err = Repair(nil, dir, opt)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
		_, err = ValidSnapshots(nil, dir, opt)
		require.ErrorIs(t, err, ErrInvalidArgument, name)
	}
	w, err := Create(nil, filepath.Join(t.TempDir(), "log"), nil, nil, WithSegmentSize(MinSegmentSize), WithRegistry(nil), WithSlowSyncThreshold(-1))
	require.NoError(t, err)
	require.NoError(t, w.Close())
}

func TestTheSegmentSizeMayChangeBetweenOpens(t *testing.T) {
	w, dir := newLog(t)
	for _, size := range []int64{MinSegmentSize, 1 << 20, 8192, MinSegmentSize} {
		w = reopen(t, w, nil, WithSegmentSize(size))
		for range 10 {
			next := w.LastIndex() + 1
			require.NoError(t, w.SaveEntry(entries(next, next)))
		}
	}
	require.NoError(t, w.Close())
	require.Equal(t, entries(1, 40), readAll(t, dir, nil))
}

func TestSyncedIsNotClaimedAfterAnUnsyncedSaveUntilASync(t *testing.T) {
	fsys := newFaultFS()
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
		fsys.record()
		before := tailOf(w).off
		require.NoError(t, s.do(), s.name)
		require.Len(t, fsys.record(opDatasync, opSync), s.thenSyncs, s.name)
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

// lazyState must be synced for a new term only, as in etcd's raft.
type lazyState struct{ walpb.HardState }

func (s *lazyState) MustSync(prev log.HardState) bool {
	before, ok := prev.(*lazyState)
	return !ok || before.Term != s.Term
}

func TestEveryBatchSaysSyncedExactlyOnceAndCommits(t *testing.T) {
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
	require.Equal(t, []byte{sync, 0, frame.FlagCommit, sync, 0, 0, frame.FlagCommit, both, both}, flags)
	require.Equal(t, append([]byte{frame.ControlTruncate}, binary.LittleEndian.AppendUint64(nil, 2)...), frames[8].Control())
}

// A crash between any two of these steps leaves a log that opens with all that was acknowledged.
func TestACutIsDurableStepByStep(t *testing.T) {
	fsys := newFaultFS()
	w, dir := newLog(t, withFS(fsys), WithPreallocation(PreallocateNone))
	big := func(i uint64) []log.LogEntry {
		return []log.LogEntry{&walpb.Entry{Index: i, Data: make([]byte, testSegment*3/4)}}
	}
	require.NoError(t, w.SaveEntry(big(1)))
	settle(w)
	old := tailOf(w).off
	fsys.record()
	require.NoError(t, w.SaveEntry(big(2)))
	ops := fsys.record(opTruncate, opSync, opDatasync, opWrite, opRename, opSyncDir)
	of := func(name string) (own []op) { // files keep the names here that they were opened with
		for _, o := range ops[:len(ops)-2] {
			if o.name == name {
				own = append(own, o)
			}
		}
		return own
	}
	require.Equal(t, []op{
		{kind: opTruncate, name: "0.tmp", off: old},
		{kind: opSync, name: "0.tmp"},
	}, of("0.tmp"))
	require.Equal(t, []op{
		{kind: opWrite, name: "1.tmp", n: int(tailOf(w).off)}, // header and save
		{kind: opSync, name: "1.tmp"},
	}, of("1.tmp"))
	require.Equal(t, []op{
		{kind: opRename, name: segmentName{1, 2}.String()},
		{kind: opSyncDir, name: dir},
	}, ops[len(ops)-2:], "the name comes after both are whole, on disk")
}
