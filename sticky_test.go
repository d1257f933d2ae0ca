package wal

import (
	"context"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// callsThatEnd are the calls of a WAL that return the error that ended it, by the names of their
// methods.
func callsThatEnd(w *WAL, dir string) map[string]func() error {
	iteration := func(seq func(func(log.LogEntry, error) bool)) (err error) {
		for _, err = range seq {
		}
		return err
	}
	next := w.LastIndex() + 1
	st, ents := &walpb.HardState{Term: 1}, entries(next, next)
	return map[string]func() error{
		"Append":         func() error { return waited(w.Append(st, ents)) },
		"AppendRestore":  func() error { return waited(w.AppendRestore(at(50), st, nil)) },
		"AppendSnap":     func() error { return waited(w.AppendSnap(at(1))) },
		"AppendTruncate": func() error { return waited(w.AppendTruncate(1)) },
		"AppendNext":     func() error { _, _, err := w.AppendNext(); return err },
		"Backup":         func() error { return w.Backup(filepath.Join(dir, "backup")) },
		"Compact":        func() error { return w.Compact(1) },
		"Entries":        func() error { return iteration(w.Entries(1, 2)) },
		"EntriesLimit":   func() error { _, err := w.EntriesLimit(1, 2, 1); return err },
		"Entry":          func() error { _, err := w.Entry(1); return err },
		"Follow":         func() error { return iteration(w.Follow(context.Background(), next)) },
		"Purge":          func() error { _, err := w.Purge(); return err },
		"ReadEntries": func() (err error) {
			for _, err = range w.ReadEntries(1, 2, new(walpb.Entry)) {
			}
			return err
		},
		"ReadEntry":    func() error { return w.ReadEntry(1, new(walpb.Entry)) },
		"ReadAll":      func() error { _, _, _, err := w.ReadAll(); return err },
		"Release":      func() error { return w.Release(at(1)) },
		"Restore":      func() error { return w.Restore(at(50), st, nil) },
		"Save":         func() error { return w.Save(nil, nil) },
		"SaveEntry":    func() error { return w.SaveEntry(ents) },
		"SaveNext":     func() error { _, err := w.SaveNext(); return err },
		"SaveSnap":     func() error { return w.SaveSnap(at(1)) },
		"SaveState":    func() error { return w.SaveState(st) },
		"Sync":         w.Sync,
		"TruncateBack": func() error { return w.TruncateBack(100) },
	}
}

// requireEnded makes sure that every call but the getters returns the error that ended the log, and
// the getters what was durable.
func requireEnded(t *testing.T, w *WAL, want error) {
	t.Helper()
	calls := callsThatEnd(w, t.TempDir())
	getters := map[string]bool{"FirstIndex": true, "LastIndex": true, "Metadata": true, "State": true,
		"Snapshot": true, "Stats": true}
	typ := reflect.TypeOf(w)
	for i := range typ.NumMethod() {
		switch name := typ.Method(i).Name; {
		case name == "Close" || name == "Abandon" || getters[name]:
		case calls[name] == nil:
			require.Fail(t, "a method that this test does not know", name)
		default:
			require.Equal(t, want, calls[name](), name)
		}
	}
	require.ErrorIs(t, w.SaveSnap(nil), ErrInvalidArgument, "what is refused always is refused first")
	require.EqualValues(t, 1, w.FirstIndex())
	require.EqualValues(t, 3, w.LastIndex())
	require.Equal(t, []byte("metadata"), w.Metadata())
	require.Equal(t, &walpb.HardState{Term: 1, Commit: 2}, w.State())
	require.Equal(t, at(1), w.Snapshot())
	require.EqualValues(t, 3, w.Stats().LastIndex)
}

func TestSticky_EveryCallReturnsWhatEndedTheLog(t *testing.T) {
	for name, end := range map[string]func(*WAL, *faultfs.FS) error{
		"closed": func(w *WAL, _ *faultfs.FS) error {
			require.NoError(t, w.Close())
			return ErrClosed
		},
		"abandoned": func(w *WAL, _ *faultfs.FS) error { w.Abandon(); return ErrClosed },
		"failed": func(w *WAL, fsys *faultfs.FS) error {
			fsys.FailOnce(faultfs.Datasync, 0, syscall.EIO)
			return w.SaveEntry(entries(4, 4))
		},
		"failed and closed": func(w *WAL, fsys *faultfs.FS) error {
			fsys.FailOnce(faultfs.Datasync, 0, syscall.EIO)
			err := w.SaveEntry(entries(4, 4))
			require.Equal(t, err, w.Close())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := faultfs.New()
			w, _ := newLog(t, withFS(fsys))
			require.NoError(t, w.Save(&walpb.HardState{Term: 1, Commit: 2}, entries(1, 3)))
			require.NoError(t, w.SaveSnap(at(1)))
			requireEnded(t, w, end(w, fsys))
		})
	}
}
