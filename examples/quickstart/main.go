// Command quickstart saves two entries of a type of its own in a new log, opens
// the log again and prints what it holds.
package main

import (
	"encoding/json"
	"fmt"
	stdlog "log"
	"os"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// Put is one entry. Any type with these five methods can be one.
type Put struct {
	Index      uint64
	Key, Value string
}

func (p *Put) Marshal() ([]byte, error)    { return json.Marshal(p) }
func (p *Put) Unmarshal(data []byte) error { return json.Unmarshal(data, p) }
func (p *Put) GetIndex() uint64            { return p.Index }
func (p *Put) Size() int                   { return len(p.Key) + len(p.Value) + 40 } // a hint

func main() {
	log.RegisterRecord(log.EntryType, &Put{}) // states and snapshots keep the default types
	dir, err := os.MkdirTemp("", "quickstart-")
	check(err)
	defer os.RemoveAll(dir)

	w, err := wal.Create(nil, dir, []byte("node 1"))
	check(err)
	check(w.Save(&walpb.HardState{Term: 1, Commit: 2}, []log.LogEntry{
		&Put{Index: 1, Key: "sky", Value: "blue"},
		&Put{Index: 2, Key: "grass", Value: "green"},
	})) // entries and state are on stable storage now, or neither is
	check(w.Close())

	w, err = wal.Open(nil, dir, nil) // nil: from the oldest segment on
	check(err)
	defer w.Close()
	metadata, state, entries, err := w.ReadAll()
	check(err)
	fmt.Printf("%s, committed up to %d\n", metadata, state.GetCommitted())
	for _, entry := range entries {
		put := entry.(*Put)
		fmt.Println(put.Index, put.Key, put.Value)
	}
}

func check(err error) {
	if err != nil {
		stdlog.Fatal(err)
	}
}
