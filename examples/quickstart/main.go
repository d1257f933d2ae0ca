// Command quickstart saves two entries of a type of its own in a new log, opens
// the log again and prints what it holds.
package main

import (
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
	log.RegisterRecord(log.EntryType, &Entry{}) // states and snapshots keep the default types
	dir, err := os.MkdirTemp("", "quickstart-")
	check(err)
	defer os.RemoveAll(dir)

	w, err := wal.Create(nil, dir, []byte("node 1"))
	check(err)
	check(w.Save(&walpb.HardState{Term: 1, Commit: 2}, []log.LogEntry{
		&Entry{Index: 1, Value: Put{"sky", "blue"}},
		&Entry{Index: 2, Value: Put{"grass", "green"}},
	})) // entries and state are on stable storage now, or neither is
	check(w.Close())

	w, err = wal.Open(nil, dir, nil) // nil: from the oldest segment on
	check(err)
	defer w.Close()
	metadata, state, entries, err := w.ReadAll()
	check(err)
	fmt.Printf("%s, committed up to %d\n", metadata, state.GetCommitted())
	for _, entry := range entries {
		put := entry.(*Entry)
		fmt.Println(put.Index, put.Value.Key, put.Value.Value)
	}
}

func check(err error) {
	if err != nil {
		stdlog.Fatal(err)
	}
}
