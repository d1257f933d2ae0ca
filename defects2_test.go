package wal

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/frame"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// allocated returns how many bytes a function allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// The defects: a log could be saved to only after it had been read to its end, a
// log opened for reading had a Save that panicked, and its Close failed.
func TestDefectFreshOrReadOnlyLogPanics(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.Save(&walpb.HardState{Term: 1}, entries(1, 1)))
	w = reopen(t, w, nil)
	require.NoError(t, w.SaveEntry(entries(2, 2)), "without any read before")
	require.NoError(t, w.Sync())

	r, err := OpenForRead(nil, dir, nil)
	require.NoError(t, err)
	_, saves := any(r).(interface {
		Save(log.HardState, []log.LogEntry) error
	})
	require.False(t, saves)
	_, stores := any(r).(Storage)
	require.False(t, stores)
	require.NoError(t, r.Close())
	require.NoError(t, r.Close())

	// Not even one that nothing has been read of or saved in.
	w = reopen(t, w, nil)
	require.NoError(t, w.Close())
	require.Equal(t, entries(1, 2), readAll(t, dir, nil))
}

// touchyData refuses to be decoded from "error", and panics in different ways.
type touchyData struct{ Data []byte }

func (d *touchyData) Marshal() ([]byte, error) { return d.Data, nil }
func (d *touchyData) Unmarshal(data []byte) error {
	switch string(data) {
	case "error":
		return errTouchy
	case "panic":
		panic("by the user's type")
	case "panic with error":
		panic(errTouchy)
	case "index":
		_ = data[len(data)]
	case "nil":
		(*d.self()).Data = nil
	}
	d.Data = bytes.Clone(data)
	return nil
}
func (d *touchyData) self() *touchyData { return nil }

var errTouchy = errors.New("not this one")

type (
	touchyEntry struct{ touchyData }
	touchyState struct{ touchyData }
	touchySnap  struct{ touchyData }
)

func (e *touchyEntry) GetIndex() uint64     { return 1 }
func (e *touchyEntry) Size() int            { return len(e.Data) }
func (s *touchyState) GetCommitted() uint64 { return 0 }
func (s *touchyState) Reset()               { s.Data = nil }
func (s *touchySnap) GetIndex() uint64      { return 0 }

// The same, but for an Unmarshal that takes everything: what these are read as when the log is written.
type (
	calmEntry struct{ touchyEntry }
	calmState struct{ touchyState }
	calmSnap  struct{ touchySnap }
)

func (e *calmEntry) Unmarshal(data []byte) error { e.Data = bytes.Clone(data); return nil }
func (s *calmState) Unmarshal(data []byte) error { s.Data = bytes.Clone(data); return nil }
func (s *calmSnap) Unmarshal(data []byte) error  { s.Data = bytes.Clone(data); return nil }

// The defect: the library called its MustUnmarshal, so a record that the user's
// type refuses took the process down.
func TestDefectUnmarshalFailureTakesTheProcessDown(t *testing.T) {
	reg := log.NewRegistry()
	reg.Register(log.EntryType, &touchyEntry{})
	reg.Register(log.StateType, &touchyState{})
	reg.Register(log.SnapshotType, &touchySnap{})
	calm := log.NewRegistry()
	calm.Register(log.EntryType, &calmEntry{})
	calm.Register(log.StateType, &calmState{})
	calm.Register(log.SnapshotType, &calmSnap{})
	for _, how := range []string{"error", "panic", "panic with error", "index", "nil"} {
		data := touchyData{Data: []byte(how)}
		for kind, save := range map[string]func(*WAL) error{
			"entry":    func(w *WAL) error { return w.SaveEntry([]log.LogEntry{&touchyEntry{data}}) },
			"state":    func(w *WAL) error { return w.SaveState(&touchyState{data}) },
			"snapshot": func(w *WAL) error { return w.SaveSnap(&touchySnap{data}) },
		} {
			t.Run(kind+" "+how, func(t *testing.T) {
				w, dir := newLog(t, WithRegistry(reg))
				require.ErrorIs(t, save(w), ErrEncode, "it could not be read back")
				w = reopen(t, w, nil, WithRegistry(calm))
				require.NoError(t, save(w))
				require.NoError(t, w.Close())
				before := files(t, dir)
				_, err := Open(nil, dir, nil, WithRegistry(reg))
				require.ErrorIs(t, err, ErrDecode)
				require.ErrorContains(t, err, kind)
				require.NotErrorIs(t, err, ErrCorrupt, "the bytes are intact")
				_, err = OpenForRead(nil, dir, nil, WithRegistry(reg))
				require.ErrorIs(t, err, ErrDecode)
				_, err = Verify(nil, dir, WithRegistry(reg))
				require.ErrorIs(t, err, ErrDecode)
				if how == "error" {
					require.ErrorIs(t, err, errTouchy)
				}
				// There is nothing to repair. Repair need not decode states to know that.
				if _, err = Repair(nil, dir, WithRegistry(reg), WithTruncateCorruption()); kind != "state" {
					require.ErrorIs(t, err, ErrDecode)
				}
				require.Equal(t, before, files(t, dir))
			})
		}
	}
}

// voteState is a state with nothing but what its fields say: no IsEmpty.
type voteState struct {
	Committed, Term, Vote uint64
	Peers                 []string
}

func (s *voteState) Marshal() ([]byte, error)    { return json.Marshal(s) }
func (s *voteState) Unmarshal(data []byte) error { *s = voteState{}; return json.Unmarshal(data, s) }
func (s *voteState) GetCommitted() uint64        { return s.Committed }
func (s *voteState) Reset()                      { *s = voteState{} }

// The defect: a state counted as empty when its committed index was 0, and was
// not saved: a vote was forgotten, and could be given twice.
func TestDefectStateWithoutCommitIsDropped(t *testing.T) {
	custom := log.NewRegistry()
	custom.Register(log.StateType, &voteState{})
	tests := map[string]struct {
		st  log.HardState
		reg *log.Registry
	}{
		"custom, all zero":      {&voteState{}, custom},
		"custom, term and vote": {&voteState{Term: 2, Vote: 3}, custom},
		"custom, other fields":  {&voteState{Peers: []string{"a"}}, custom},
		"default, term":         {&walpb.HardState{Term: 2}, nil},
		"default, vote":         {&walpb.HardState{Vote: 3}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, _ := newLog(t, WithRegistry(tt.reg))
			before := tailOf(w).off
			require.NoError(t, w.SaveState(tt.st))
			require.Greater(t, tailOf(w).off, before)
			require.Equal(t, tt.st, w.State())
			w = reopen(t, w, nil, WithRegistry(tt.reg))
			require.Equal(t, tt.st, w.State())
			fillSegments(t, w, 1)
			require.NoError(t, release(w, at(w.LastIndex())))
			removed, err := w.Purge()
			require.NoError(t, err)
			require.Equal(t, 1, removed)
			w = reopen(t, w, nil, WithRegistry(tt.reg))
			require.Equal(t, tt.st, w.State())
		})
	}
}

// The defect: a gap in the indexes was written, acknowledged, and refused when
// the log was read.
func TestDefectIndexGapIsAcceptedAtSave(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	gap := func(indexes ...uint64) (ents []log.LogEntry) {
		for _, i := range indexes {
			ents = append(ents, entry(1, i, "gap"))
		}
		return ents
	}
	before, tail := files(t, dir), tailOf(w)
	for _, ents := range [][]log.LogEntry{gap(5), gap(4, 6), gap(2, 4), gap(4, 5, 7), gap(1 << 63), gap(^uint64(0))} {
		require.ErrorIs(t, w.SaveEntry(ents), ErrIndexGap)
		require.ErrorIs(t, w.Save(&walpb.HardState{Term: 9}, ents), ErrIndexGap)
	}
	require.ErrorIs(t, w.SaveEntry(gap(0)), ErrInvalidArgument)
	require.ErrorIs(t, w.SaveEntry(gap(4, 0)), ErrInvalidArgument)
	require.Equal(t, before, files(t, dir), "nothing was written")
	require.Equal(t, tail, tailOf(w))
	require.EqualValues(t, 3, w.LastIndex())

	require.NoError(t, w.SaveEntry(entries(4, 5)), "the log goes on")
	w = reopen(t, w, nil)
	st, ents := contentsOf(t, w)
	require.Equal(t, entries(1, 5), ents)
	require.Equal(t, &walpb.HardState{}, st)
}

// The defect: each repair renamed what it cut to the same name, so the second one
// destroyed what the first had kept.
func TestDefectSecondRepairOverwritesTheFirstBroken(t *testing.T) {
	w, dir := newLog(t)
	require.NoError(t, w.SaveEntry(entries(1, 3)))
	require.NoError(t, w.Close())
	path := segmentsOf(t, dir)[0]
	name := filepath.Base(path) + ".broken"
	kept := map[string]string{}
	for _, broken := range []string{name, name + ".1", name + ".2"} {
		frames := framesOf(t, path)
		last := frames[len(frames)-1]
		garbage := "torn save, later " + broken
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		_, err = f.WriteAt([]byte(garbage), last.off+last.Size+frame.WordSize) // the length word is missing
		require.NoError(t, err)
		require.NoError(t, f.Close())

		report, err := Repair(nil, dir)
		require.NoError(t, err)
		require.Equal(t, []string{broken}, report.Broken)
		require.NotNil(t, report.Torn)
		kept[broken] = string(make([]byte, frame.WordSize)) + garbage
		now := files(t, dir)
		for name, data := range kept {
			require.Equal(t, data, now[name], name)
		}
	}
	require.Equal(t, entries(1, 3), readAll(t, dir, nil))
}

// The defect: Sync read the tail file without the lock that a save changes it
// under. The race detector sees it.
func TestDefectSyncBesideSaveRaces(t *testing.T) {
	w, dir := newLog(t, WithNoSync())
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					if err := w.Sync(); err != nil {
						t.Error(err)
						return
					}
					_ = w.Stats()
				}
			}
		})
	}
	fillSegments(t, w, 3)
	close(done)
	wg.Wait()
	last := w.LastIndex()
	require.NoError(t, w.Close())
	require.Equal(t, entries(1, last), readAll(t, dir, nil))
}

// The defect: what had been saved without a sync was still not synced when the
// log was closed, and nobody was left to do it.
func TestDefectCloseLosesWhatWasNotSynced(t *testing.T) {
	for _, etcdFormat := range []bool{false, true} {
		fsys := newFaultFS()
		opts := []Option{withFS(fsys), WithNoSync()}
		if etcdFormat {
			opts = append(opts, WithEtcdFormat())
		}
		w, dir := newLog(t, opts...)
		fsys.record()
		require.NoError(t, w.SaveEntry(entries(1, 3)))
		saved := tailOf(w).off
		require.Empty(t, fsys.record(opDatasync, opSync), "the save was not synced")
		require.NoError(t, w.Close())
		ops := fsys.record(opWrite, opDatasync, opSync, opClose)
		require.Equal(t, opDatasync, ops[0].kind, "first of all what was saved")
		require.Equal(t, opClose, ops[len(ops)-1].kind)
		require.Equal(t, opDatasync, ops[len(ops)-2].kind, "and CLOSED in the end")
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
			switch o.kind {
			case opWrite:
				require.False(t, o.off == closed.off && unsynced, "CLOSED is written before what it vouches for is stable")
				unsynced = true
			case opDatasync:
				unsynced = false
			}
		}
	}
}
