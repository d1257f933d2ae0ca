package wal

import (
	"encoding/json"
	"fmt"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// customEntry is an entry of a user's own, in JSON, without BinaryAppender.
type customEntry struct {
	Index uint64
	Value string
}

func (e *customEntry) Marshal() ([]byte, error) { return json.Marshal(e) }
func (e *customEntry) Unmarshal(data []byte) error {
	*e = customEntry{}
	return json.Unmarshal(data, e)
}
func (e *customEntry) GetIndex() uint64 { return e.Index }
func (e *customEntry) Size() int        { return len(e.Value) + 32 }

// customRegistry has customEntry for its entries.
func customRegistry() *log.Registry {
	r := log.NewRegistry()
	r.Register(log.EntryType, &customEntry{})
	return r
}

// entry makes a default entry with a payload of its own.
func entry(term, index uint64, data string) *walpb.Entry {
	return &walpb.Entry{Term: term, Index: index, Data: []byte(data)}
}

// entries makes the default entries first to last.
func entries(first, last uint64) []log.LogEntry {
	var ents []log.LogEntry
	for i := first; i <= last; i++ {
		ents = append(ents, entry(1, i, fmt.Sprintf("entry %d", i)))
	}
	return ents
}
