// Command quickstart saves two entries of a type of its own in a new log, opens
// the log again and prints what it holds.
package main

import (
	"errors"
	"fmt"
	stdlog "log"
	"os"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// Put is what an entry holds: anything that encoding/json can encode and decode.
type Put struct{ Key, Value string }

// Entry is a Put with its index, and the methods that the log needs.
type Entry = log.JSON[Put]

func main() {
	if err := run(); err != nil {
		stdlog.Fatal(err)
	}
}

func run() error {
	log.RegisterRecord(log.EntryType, &Entry{}) // states and snapshots keep the default types
	dir, err := os.MkdirTemp("", "quickstart-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := save(dir); err != nil {
		return err
	}
	return show(dir)
}

// save makes a new log with two entries in it.
func save(dir string) error {
	w, err := wal.Create(nil, dir, []byte("node 1"))
	if err != nil {
		return err
	}
	err = w.Save(&walpb.HardState{Term: 1, Commit: 2}, []log.LogEntry{
		&Entry{Index: 1, Value: Put{"sky", "blue"}},
		&Entry{Index: 2, Value: Put{"grass", "green"}},
	}) // nil: entries and state are on stable storage; after a crash both are there, or neither
	return errors.Join(err, w.Close())
}

// show opens the log and prints what it holds.
func show(dir string) error {
	w, err := wal.Open(nil, dir, nil) // nil: from the oldest segment on
	if err != nil {
		return err
	}
	defer w.Close()
	metadata, state, entries, err := w.ReadAll()
	if err != nil {
		return err
	}
	fmt.Printf("%s, committed up to %d\n", metadata, state.GetCommitted())
	for _, entry := range entries {
		put := entry.(*Entry)
		fmt.Println(put.Index, put.Value.Key, put.Value.Value)
	}
	return nil
}
