package wal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/log"
)

// trouble is what one method of the wild types does in place of its work.
type trouble struct {
	method, how string
	met         atomic.Bool
}

const (
	fails  = "error"
	panics = "panic"
	exits  = "runtime.Goexit"
)

var (
	currentTrouble atomic.Pointer[trouble]
	errTrouble     = errors.New("a wild type's own error")
)

// wild is called at the beginning of each method of the wild types.
func wild(method string) error {
	t := currentTrouble.Load()
	if t == nil || t.method != method {
		return nil
	}
	t.met.Store(true)
	switch t.how {
	case panics:
		panic(errTrouble)
	case exits:
		runtime.Goexit()
	}
	return errTrouble
}

// wildRecord is what the three wild types have in common: an index and a term.
type wildRecord struct{ Index, Term uint64 }

func (r *wildRecord) append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, r.Index), r.Term)
}

func (r *wildRecord) parse(data []byte) error {
	if len(data) != 16 {
		return fmt.Errorf("%d bytes, want 16", len(data))
	}
	r.Index, r.Term = binary.BigEndian.Uint64(data), binary.BigEndian.Uint64(data[8:])
	return nil
}

// plainWild is an entry with the methods that every entry has.
type plainWild struct{ rec wildRecord }

func (e *plainWild) Marshal() ([]byte, error) { return e.rec.append(nil), wild("Entry.Marshal") }
func (e *plainWild) Unmarshal(data []byte) error {
	return errors.Join(e.rec.parse(data), wild("Entry.Unmarshal"))
}
func (e *plainWild) GetIndex() uint64 { _ = wild("Entry.GetIndex"); return e.rec.Index }
func (e *plainWild) Size() int        { return 16 }

// fullWild is one with all the optional ones.
type fullWild struct{ rec wildRecord }

func (e *fullWild) Marshal() ([]byte, error) { return e.rec.append(nil), nil }
func (e *fullWild) AppendBinary(b []byte) ([]byte, error) {
	return e.rec.append(b), wild("Entry.AppendBinary")
}
func (e *fullWild) Unmarshal(data []byte) error {
	return errors.Join(e.rec.parse(data), wild("Entry.Unmarshal"))
}
func (e *fullWild) UnmarshalShared(data []byte) error {
	return errors.Join(e.rec.parse(data), wild("Entry.UnmarshalShared"))
}
func (e *fullWild) ReadIndex(data []byte) (uint64, error) {
	var r wildRecord
	return r.Index, errors.Join(r.parse(data), wild("Entry.ReadIndex"))
}
func (e *fullWild) SetIndex(i uint64) { _ = wild("Entry.SetIndex"); e.rec.Index = i }
func (e *fullWild) GetIndex() uint64  { _ = wild("Entry.GetIndex"); return e.rec.Index }
func (e *fullWild) Size() int         { _ = wild("Entry.Size"); return 16 }

type wildState struct{ rec wildRecord }

func (s *wildState) Marshal() ([]byte, error) { return s.rec.append(nil), wild("State.Marshal") }
func (s *wildState) Unmarshal(data []byte) error {
	return errors.Join(s.rec.parse(data), wild("State.Unmarshal"))
}
func (s *wildState) GetCommitted() uint64 { _ = wild("State.GetCommitted"); return s.rec.Index }
func (s *wildState) Reset()               { _ = wild("State.Reset"); s.rec = wildRecord{} }
func (s *wildState) IsEmpty() bool        { _ = wild("State.IsEmpty"); return false }
func (s *wildState) MustSync(prev log.HardState) bool {
	_ = wild("State.MustSync")
	return true
}

type wildSnapshot struct{ rec wildRecord }

func (s *wildSnapshot) Marshal() ([]byte, error) {
	return s.rec.append(nil), wild("Snapshot.Marshal")
}
func (s *wildSnapshot) Unmarshal(data []byte) error {
	return errors.Join(s.rec.parse(data), wild("Snapshot.Unmarshal"))
}
func (s *wildSnapshot) GetIndex() uint64 { _ = wild("Snapshot.GetIndex"); return s.rec.Index }
func (s *wildSnapshot) GetTerm() uint64  { _ = wild("Snapshot.GetTerm"); return s.rec.Term }

// wildTypes is a registry, and what makes entries of its type.
type wildTypes struct {
	full  bool
	reg   *log.Registry
	entry func(i uint64) log.LogEntry
}

func newWildTypes(full bool) wildTypes {
	t := wildTypes{full, log.NewRegistry(),
		func(i uint64) log.LogEntry { return &plainWild{wildRecord{i, 1}} }}
	if full {
		t.entry = func(i uint64) log.LogEntry { return &fullWild{wildRecord{i, 1}} }
	}
	t.reg.Register(log.EntryType, t.entry(0))
	t.reg.Register(log.StateType, &wildState{})
	t.reg.Register(log.SnapshotType, &wildSnapshot{})
	return t
}

func (t wildTypes) entries(first, last uint64) (ents []log.LogEntry) {
	for i := first; i <= last; i++ {
		ents = append(ents, t.entry(i))
	}
	return ents
}

// wildLog is a log of wild types, on a disk of its own: entries 1 to last, committed all.
type wildLog struct {
	wildTypes
	t    *testing.T
	w    *WAL
	opts []Option
	last uint64
}

func newWildLog(t *testing.T, types wildTypes) *wildLog {
	l := &wildLog{wildTypes: types, t: t, last: 20}
	l.opts = []Option{withFS(newMemFS(nil)), WithRegistry(types.reg), WithSegmentSize(1024)}
	w, err := Create(nil, memDir, nil, l.opts...)
	require.NoError(t, err)
	l.w = w
	require.NoError(t, w.Save(&wildState{wildRecord{10, 1}}, types.entries(1, 10)))
	require.NoError(t, w.SaveSnap(&wildSnapshot{wildRecord{10, 1}}))
	require.NoError(t, w.Save(&wildState{wildRecord{20, 1}}, types.entries(11, 20)))
	return l
}

func (l *wildLog) at10() log.Snapshot { return &wildSnapshot{wildRecord{10, 1}} }

func drain(seq func(func(log.LogEntry, error) bool)) (err error) {
	for _, err = range seq {
		if err != nil {
			return err
		}
	}
	return nil
}

// wildCalls are the calls on an open log. Those that save return what they have added.
var wildCalls = map[string]func(l *wildLog) error{
	"Save": func(l *wildLog) error {
		return l.w.Save(&wildState{wildRecord{22, 1}}, l.entries(21, 22))
	},
	"Save, cut": func(l *wildLog) error { return l.w.SaveEntry(l.entries(21, 45)) },
	"SaveState": func(l *wildLog) error { return l.w.SaveState(&wildState{wildRecord{19, 1}}) },
	"SaveSnap":  func(l *wildLog) error { return l.w.SaveSnap(&wildSnapshot{wildRecord{19, 1}}) },
	"Release":   func(l *wildLog) error { return l.w.Release(l.at10()) },
	"Entries":   func(l *wildLog) error { return drain(l.w.Entries(1, 21)) },
	"As":        func(l *wildLog) error { return drainAs(l) },
	"Entry":     func(l *wildLog) error { _, err := l.w.Entry(7); return err },
	"State":     func(l *wildLog) error { return missing(l.w.State() == nil) },
	"Snapshot":  func(l *wildLog) error { return missing(l.w.Snapshot() == nil) },
	"Sync":      func(l *wildLog) error { return l.w.Sync() },
	"Stats":     func(l *wildLog) error { l.w.Stats(); return nil },
	"Compact":   func(l *wildLog) error { return l.w.Compact(10) },
	"Backup":    func(l *wildLog) error { return l.w.Backup("backup") },
	"SaveNext": func(l *wildLog) error {
		if !l.full {
			return nil
		}
		_, err := l.w.SaveNext(l.entry(0), l.entry(0))
		return err
	},
	"Restore": func(l *wildLog) error {
		return l.w.Restore(&wildSnapshot{wildRecord{30, 1}}, &wildState{wildRecord{30, 1}},
			l.entries(31, 45))
	},
	"Truncate":   func(l *wildLog) error { return l.w.TruncateBack(20) },
	"ReadAll":    func(l *wildLog) error { _, _, _, err := l.w.ReadAll(); return err },
	"EntriesLim": func(l *wildLog) error { _, err := l.w.EntriesLimit(1, 21, 1<<20); return err },
	"Append": func(l *wildLog) error {
		p, err := l.w.Append(&wildState{wildRecord{21, 1}}, l.entries(21, 21))
		if err == nil {
			err = p.Wait()
		}
		return err
	},
	"Follow": func(l *wildLog) error {
		n := 0
		for _, err := range l.w.Follow(context.Background(), 1) {
			if n++; err != nil || n == 20 {
				return err
			}
		}
		return nil
	},
	// The rest is for a log that nobody has open.
	"Open": func(l *wildLog) error {
		w, err := Open(nil, memDir, l.at10(), l.opts...)
		if err == nil {
			err = w.Close()
		}
		return err
	},
	"OpenForRead": func(l *wildLog) error {
		_, err := OpenForRead(nil, memDir, l.at10(), l.opts...)
		return err
	},
	"Verify": func(l *wildLog) error { _, err := Verify(nil, memDir, l.opts...); return err },
	"Repair": func(l *wildLog) error { _, err := Repair(nil, memDir, l.opts...); return err },
	"Snapshots": func(l *wildLog) error {
		_, err := ValidSnapshots(nil, memDir, l.opts...)
		return err
	},
	"Create": func(l *wildLog) error {
		opts := append([]Option{}, l.opts...)
		w, err := Create(nil, memDir, nil, append(opts, withFS(newMemFS(nil)))...)
		if err == nil {
			err = w.Close()
		}
		return err
	},
}

var closedCalls = map[string]bool{"Open": true, "OpenForRead": true, "Verify": true, "Repair": true,
	"Snapshots": true, "Create": true}

func missing(is bool) error {
	if is {
		return errors.New("nil")
	}
	return nil
}

func drainAs(l *wildLog) error {
	for _, err := range As[*fullWild](l.w.Entries(1, 21)) {
		if err != nil && !errors.Is(err, ErrInvalidArgument) {
			return err
		}
	}
	return nil
}

// inGoroutine calls f in a goroutine of its own, and tells whether that was ended by f.
func inGoroutine(t *testing.T, f func()) (ended bool) {
	done, ended := make(chan struct{}), true
	go func() {
		defer close(done)
		f()
		ended = false
	}()
	// It takes a millisecond. A test that hangs could not clean up, so it is ended from outside.
	hangs := time.AfterFunc(time.Minute, func() { panic(t.Name() + " hangs") })
	<-done
	hangs.Stop()
	return ended
}

// check makes sure that the log goes on and holds what was acknowledged, and nothing by halves.
func (l *wildLog) check() {
	t := l.t
	if l.w != nil {
		last := l.w.LastIndex()
		require.GreaterOrEqual(t, last, l.last)
		require.NoError(t, l.w.Save(&wildState{wildRecord{last + 1, 2}}, l.entries(last+1, last+1)))
		require.NoError(t, l.w.SaveSnap(&wildSnapshot{wildRecord{last, 1}}))
		l.last = last + 1
		l.holds(l.w)
		require.NoError(t, l.w.Close())
	}
	w, err := Open(nil, memDir, nil, l.opts...)
	require.NoError(t, err)
	left, err := w.opts.fs.IsDir("backup.unfinished")
	require.NoError(t, err)
	require.False(t, left)
	l.holds(w)
	require.NoError(t, w.Close())
}

func (l *wildLog) holds(w *WAL) {
	_, st, ents, err := w.ReadAll()
	require.NoError(l.t, err)
	require.NotNil(l.t, st)
	require.Equal(l.t, l.entries(w.FirstIndex(), w.LastIndex()), ents)
	require.Equal(l.t, l.last, w.LastIndex())
	require.Equal(l.t, st, w.State())
	require.NotNil(l.t, w.Snapshot())
}

var wildMethods = map[string][]string{
	"Entry.Marshal": {fails, panics, exits}, "Entry.AppendBinary": {fails, panics, exits},
	"Entry.Unmarshal":       {fails, panics, exits},
	"Entry.UnmarshalShared": {fails, panics, exits}, "Entry.ReadIndex": {fails, panics, exits},
	"Entry.SetIndex": {panics, exits}, "Entry.GetIndex": {panics, exits},
	"Entry.Size":    {panics, exits},
	"State.Marshal": {fails, panics, exits}, "State.Unmarshal": {fails, panics, exits},
	"State.GetCommitted": {panics, exits},
	"State.Reset":        {panics, exits}, "State.IsEmpty": {panics, exits},
	"State.MustSync":   {panics, exits},
	"Snapshot.Marshal": {fails, panics, exits}, "Snapshot.Unmarshal": {fails, panics, exits},
	"Snapshot.GetIndex": {panics, exits}, "Snapshot.GetTerm": {panics, exits},
}

// Each method of a user's type does each thing that it must not do, in each call of the library:
// the call says so, the next one works, and what was acknowledged is there.
func TestCodec_AMethodOfAUsersTypeHurtsOnlyTheCallThatItIsPartOf(t *testing.T) {
	defer currentTrouble.Store(nil)
	met := map[string]bool{}
	for _, full := range []bool{false, true} {
		types := newWildTypes(full)
		for method, hows := range wildMethods {
			for _, how := range hows {
				for name, call := range wildCalls {
					l := newWildLog(t, types)
					if closedCalls[name] {
						require.NoError(t, l.w.Close())
						l.w = nil
					}
					trouble := &trouble{method: method, how: how}
					currentTrouble.Store(trouble)
					var err error
					ended := inGoroutine(t, func() { err = call(l) })
					currentTrouble.Store(nil)
					what := fmt.Sprintf("%s ends with %s in %s, full: %v: ended %v, error %v", method, how, name,
						full, ended, err)
					isMet := trouble.met.Load()
					met[method] = met[method] || isMet
					// How the state before decodes is a reason to sync, no more.
					prev := name == "SaveState" && (method == "State.Unmarshal" || method == "State.Reset") &&
						how != exits
					if !prev {
						require.Equal(t, isMet, ended || err != nil, what)
					}
					require.False(t, ended && how != exits, what)
					if how == fails && err != nil && name != "State" && name != "Snapshot" {
						require.ErrorIs(t, err, errTrouble, what)
					}
					inGoroutine(t, l.check)
					require.False(t, t.Failed(), what)
				}
			}
		}
	}
	require.Len(t, met, len(wildMethods))
	for method, is := range met {
		require.True(t, is, "no call met %s", method)
	}
}

// The body of a loop over the log is the caller's code as well.
func TestCodec_ALoopThatPanicsOrEndsItsGoroutineLeavesNothingBehind(t *testing.T) {
	for _, how := range []string{panics, exits} {
		for name, loop := range map[string]func(*wildLog, func()){
			"Entries": func(l *wildLog, end func()) {
				for range l.w.Entries(1, 21) {
					end()
				}
			},
			"Follow": func(l *wildLog, end func()) {
				for range l.w.Follow(context.Background(), 1) {
					end()
				}
			},
			"Records": func(l *wildLog, end func()) {
				for range Records(memDir, l.opts...) {
					end()
				}
			},
		} {
			l := newWildLog(t, newWildTypes(false))
			require.True(t, cutShort(t, func() {
				loop(l, func() {
					if how == panics {
						panic(errTrouble)
					}
					runtime.Goexit()
				})
			}), name)
			require.Empty(t, l.w.readers, "%s: nothing keeps Purge from deleting", name)
			inGoroutine(t, l.check)
			require.False(t, t.Failed(), "%s, %s", name, how)
		}
	}
}

// cutShort calls f in a goroutine of its own and tells whether it did not return.
func cutShort(t *testing.T, f func()) bool {
	returned := false
	inGoroutine(t, func() {
		defer func() { _ = recover() }()
		f()
		returned = true
	})
	return !returned
}
