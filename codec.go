package wal

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"

	"github.com/seed449c39bc/wal/internal/embedding"
	"github.com/seed449c39bc/wal/log"
)

// Calls into a user's types
//
// Each call of a method of a user's type can end in four ways, and after each of them the log is as it
// was before. What decodes and what asks is in this file; what encodes is in encode.go and in
// batch.encode, which has a guard of its own.
//   - It returns, or it returns an error.
//   - It panics. guard makes that an error.
//   - It ends its goroutine, with runtime.Goexit, as FailNow of a test does. Nothing can stop that.
//     In a goroutine of the caller's the deferred functions give up what the call holds: locks,
//     files, half a save. A goroutine of the log's own runs in inWorker, so that the
//     caller that waits for it gets an error.

// guard is deferred around calls of methods of a user's type. It makes a panic an error, a
// *panicError.
func guard(err *error) {
	if r := recover(); r != nil {
		*err = &panicError{r}
	}
}

// panicError is a panic of a user's method.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("it panics: %v", e.value) }

// Unwrap returns the value of the panic, if that is an error.
func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

// The causes of the errors of this file, which the caller knows by the log's names.
var (
	errEncode   = errors.New("wal: record cannot be encoded")
	errDecode   = errors.New("wal: record cannot be decoded")
	errInvalid  = errors.New("wal: invalid argument")
	errMismatch = errors.New("wal: snapshot has another term in the log")
)

// errGoexit is the cause of an error when a user's method ended a goroutine of the log's.
var errGoexit = errors.New("a method of a record ended its goroutine, " +
	"as runtime.Goexit and a test's FailNow do")

// inWorker is called in a goroutine of the log's own that decodes records. It calls f, and sets err
// if a method of a record ends the goroutine. What the goroutine has deferred runs after that.
func inWorker(err *error, f func()) {
	returned := false
	defer func() {
		if !returned {
			*err = fmt.Errorf("%w: %w", errDecode, errGoexit)
		}
	}()
	f()
	returned = true
}

// isNil tells whether a record is missing, be it an untyped nil or a nil pointer.
func isNil(rec any) bool {
	v := reflect.ValueOf(rec)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// snapshotID is what a snapshot is known again by: its index and, where its type has one, its term.
type snapshotID struct {
	index  uint64
	term   uint64
	termed bool // the type has a term
}

// is reports whether a snapshot is the wanted one. The terms do not count where one of them is not
// known.
func (m snapshotID) is(want snapshotID) bool {
	return m.index == want.index && (!m.termed || !want.termed || m.term == want.term)
}

// idOf returns what a snapshot is known by. A panic of its getters is the caller's to catch.
func idOf(snap log.Snapshot) snapshotID {
	id := snapshotID{index: snap.GetIndex()}
	if t, ok := snap.(log.TermedSnapshot); ok {
		id.term, id.termed = t.GetTerm(), true
	}
	return id
}

// unmarshalEntry has an entry take over data, and returns its index.
func unmarshalEntry(ent log.LogEntry, data []byte) (i uint64, err error) {
	defer guard(&err)
	if err := ent.Unmarshal(data); err != nil {
		return 0, err
	}
	return ent.GetIndex(), nil
}

// unmarshalShared is unmarshalEntry for data that stays as it is. The entry's type can do that.
func unmarshalShared(ent log.LogEntry, data []byte) (i uint64, err error) {
	defer guard(&err)
	if err := ent.(log.SharedUnmarshaler).UnmarshalShared(data); err != nil {
		return 0, err
	}
	return ent.GetIndex(), nil
}

// unmarshalSnapshot has a snapshot take over data, and returns its mark.
func unmarshalSnapshot(snap log.Snapshot, data []byte) (m snapshotID, err error) {
	defer guard(&err)
	if err := snap.Unmarshal(data); err != nil {
		return m, err
	}
	return idOf(snap), nil
}

// unmarshalState makes a state the one encoded in data, empty for nil, and returns its commit index.
func unmarshalState(st log.HardState, data []byte) (committed uint64, err error) {
	defer guard(&err)
	st.Reset()
	if data == nil {
		return 0, nil
	}
	if err := st.Unmarshal(data); err != nil {
		return 0, err
	}
	return st.GetCommitted(), nil
}

// decodeEntry returns the entry encoded in data, which is intact, and its index.
func decodeEntry(reg *log.Registry, data []byte) (ent log.LogEntry, i uint64, err error) {
	ent = reg.NewEntry()
	if i, err = unmarshalEntry(ent, data); err != nil {
		return nil, 0, decodeError(ent, log.EntryType, data, err)
	}
	return ent, i, nil
}

// decodeShared has an entry take over data, which is intact and stays as it is, and returns its index.
func decodeShared(ent log.LogEntry, data []byte) (i uint64, err error) {
	if i, err = unmarshalShared(ent, data); err != nil {
		return 0, decodeError(ent, log.EntryType, data, err)
	}
	return i, nil
}

// decodeSnapshot returns the snapshot encoded in data, which is intact, and its mark. The log keeps
// data, so the type gets a copy: it could change it.
func decodeSnapshot(reg *log.Registry, data []byte) (snap log.Snapshot, m snapshotID, err error) {
	snap = reg.NewSnapshot()
	if m, err = unmarshalSnapshot(snap, bytes.Clone(data)); err != nil {
		return nil, m, decodeError(snap, log.SnapshotType, data, err)
	}
	return snap, m, nil
}

// decodeState returns the encoded state, an empty one for nil, and its commit index. The type gets
// a copy of data: it is written again at the beginning of each segment.
func decodeState(reg *log.Registry, data []byte) (st log.HardState, committed uint64, err error) {
	st = reg.NewState()
	if committed, err = unmarshalState(st, bytes.Clone(data)); err != nil {
		return nil, 0, decodeError(st, log.StateType, data, err)
	}
	return st, committed, nil
}

// readIndex has a type read the index of an encoded entry, which is intact.
func readIndex(rec log.IndexReader, data []byte) (i uint64, err error) {
	if i, err = peekIndex(rec, data); err != nil {
		return 0, decodeError(rec, log.EntryType, data, err)
	}
	return i, nil
}

func peekIndex(rec log.IndexReader, data []byte) (i uint64, err error) {
	defer guard(&err)
	return rec.ReadIndex(data)
}

func decodeError(rec any, typ log.RecordType, data []byte, cause error) error {
	return fmt.Errorf("%w: %s record of %d bytes as %T: %w; "+
		"is the type registered that the log was written with?", errDecode, typ, len(data), rec, cause)
}

// indexOf asks a record of the caller's for its index.
func indexOf(rec interface{ GetIndex() uint64 }) (i uint64, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w: GetIndex of %T: %w", errInvalid, rec, err)
		}
	}()
	defer guard(&err)
	return rec.GetIndex(), nil
}

// askedID is idOf for a snapshot of the caller's.
func askedID(snap log.Snapshot) (m snapshotID, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w: a getter of %T: %w", errInvalid, snap, err)
		}
	}()
	defer guard(&err)
	return idOf(snap), nil
}

// isSnapshot tells whether a recorded snapshot is the wanted one. With the same
// index but another term, which only types that have a term can tell, it is an error.
func isSnapshot(recorded, wanted log.Snapshot) (is bool, err error) {
	defer func() {
		if err != nil && !errors.Is(err, errMismatch) {
			err = fmt.Errorf("%w: a getter of %T or %T: %w", errInvalid, recorded, wanted, err)
		}
	}()
	defer guard(&err)
	if recorded.GetIndex() != wanted.GetIndex() {
		return false, nil
	}
	r, rok := recorded.(log.TermedSnapshot)
	w, wok := wanted.(log.TermedSnapshot)
	if !rok || !wok {
		return true, nil
	}
	if have, want := r.GetTerm(), w.GetTerm(); have != want {
		return false, fmt.Errorf("%w: index %d has term %d in the log and %d was asked for; see ValidSnapshots",
			errMismatch, wanted.GetIndex(), have, want)
	}
	return true, nil
}

// isEmpty asks a state whether it is empty; one that cannot tell by itself is not.
func isEmpty(st log.HardState) (empty bool, err error) {
	e, ok := st.(log.EmptyState)
	if !ok || embedding.Gives(reflect.TypeOf(st), "IsEmpty") {
		return false, nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w: IsEmpty of %T: %w", errEncode, st, err)
		}
	}()
	defer guard(&err)
	return e.IsEmpty(), nil
}
