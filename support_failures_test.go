package wal

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/walpb"
)

// requireSticky makes sure that err is one that ends a log's life, from a cause.
func requireSticky(t *testing.T, w *WAL, err, cause error) {
	t.Helper()
	require.ErrorIs(t, err, ErrFailed)
	require.ErrorIs(t, err, cause)
	require.Equal(t, err, w.sticky.err())
}

// callsOf is every call of a log that can fail, by name.
func callsOf(w *WAL) map[string]func() error {
	next := w.LastIndex() + 1
	return map[string]func() error{
		"Save":         func() error { return w.Save(&walpb.HardState{Term: 9}, entries(next, next)) },
		"Save nothing": func() error { return w.Save(nil, nil) },
		"SaveState":    func() error { return w.SaveState(&walpb.HardState{Term: 9}) },
		"SaveEntry":    func() error { return w.SaveEntry(entries(next, next)) },
		"SaveSnap":     func() error { return w.SaveSnap(at(1)) },
		"Append":       func() error { _, err := w.Append(nil, entries(next, next)); return err },
		"Sync":         w.Sync,
		"TruncateBack": func() error { return w.TruncateBack(1) },
		"Restore":      func() error { return w.Restore(at(1), nil, nil) },
		"Compact":      func() error { return w.Compact(1) },
		"Release":      func() error { return w.Release(at(1)) },
		"Purge":        func() error { _, err := w.Purge(); return err },
		"ReadAll":      func() error { _, _, _, err := w.ReadAll(); return err },
		"Entry":        func() error { _, err := w.Entry(1); return err },
		"Entries": func() error {
			for _, err := range w.Entries(1, 2) {
				return err
			}
			return nil
		},
	}
}

// requireAllFail makes sure that every call of a log returns one and the same error.
func requireAllFail(t *testing.T, w *WAL, want error) {
	t.Helper()
	for name, call := range callsOf(w) {
		require.True(t, call() == want, "%s returns another error: %v", name, call())
	}
}

// crash gives up a log's files as the end of its process would: nothing more is written.
func crash(w *WAL) {
	w.sticky.set(errors.New("crashed"))
	w.Close()
}
