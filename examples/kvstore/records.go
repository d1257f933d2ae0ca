package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/seed449c39bc/wal/log"
)

// Three types go into the log: Entry, State and Snapshot. Any encoding will do; JSON is easy to
// read. A type may also have AppendBinary of encoding.BinaryAppender, which saves the log an
// allocation for each record.

// Entry is one change of the store.
type Entry struct {
	Index uint64 `json:"index"` // counted from 1 without gaps
	Op    Op     `json:"op"`
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
}

// Op says what an Entry does.
type Op string

const (
	OpPut    Op = "put"
	OpDelete Op = "del"
)

// Put returns the change that gives a key a value. The store gives it its index.
func Put(key, value string) *Entry { return &Entry{Op: OpPut, Key: key, Value: value} }

// Delete returns the change that removes a key.
func Delete(key string) *Entry { return &Entry{Op: OpDelete, Key: key} }

// Marshal implements log.RecordData.
func (e *Entry) Marshal() ([]byte, error) { return json.Marshal(e) }

// Unmarshal implements log.RecordData. It refuses an operation that this version does not know: so
// opening the store fails, instead of leaving a change out.
func (e *Entry) Unmarshal(data []byte) error {
	*e = Entry{} // json.Unmarshal leaves fields alone that data does not have
	if err := json.Unmarshal(data, e); err != nil {
		return err
	}
	if e.Op != OpPut && e.Op != OpDelete {
		return fmt.Errorf("entry %d: unknown operation %q", e.Index, e.Op)
	}
	return nil
}

// ReadIndex implements log.IndexReader, so opening the log need not decode its entries. It must
// fail where Unmarshal fails. So it checks the whole entry if it has the form that Marshal gives
// most entries, without escapes, and decodes it otherwise.
func (e *Entry) ReadIndex(data []byte) (uint64, error) {
	if index, ok := plainIndex(data); ok {
		return index, nil
	}
	var decoded Entry
	err := decoded.Unmarshal(data)
	return decoded.Index, err
}

// plainIndex returns the index of {"index":1,"op":"put","key":"k","value":"v"}. ok is false if data
// has not exactly that form, or has escapes.
func plainIndex(data []byte) (index uint64, ok bool) {
	rest, ok := bytes.CutPrefix(data, []byte(`{"index":`))
	digits := 0
	for digits < len(rest) && digits < 19 && rest[digits]-'0' <= 9 { // 19 digits fit into a uint64
		index = 10*index + uint64(rest[digits]-'0')
		digits++
	}
	if !ok || digits == 0 || rest[0] == '0' {
		return 0, false
	}
	rest = rest[digits:]
	put, isPut := bytes.CutPrefix(rest, []byte(`,"op":"put","key":`))
	del, isDelete := bytes.CutPrefix(rest, []byte(`,"op":"del","key":`))
	switch {
	case isPut:
		rest = plainString(put)
	case isDelete:
		rest = plainString(del)
	default:
		return 0, false
	}
	if value, ok := bytes.CutPrefix(rest, []byte(`,"value":`)); ok {
		rest = plainString(value)
	}
	return index, string(rest) == "}"
}

// plainString returns what follows the JSON string that data begins with. It returns nil if data
// does not begin with a string, or if the string has escapes.
func plainString(data []byte) []byte {
	if len(data) == 0 || data[0] != '"' {
		return nil
	}
	for i, c := range data[1:] {
		switch {
		case c == '"':
			return data[i+2:]
		case c == '\\' || c < ' ':
			return nil
		}
	}
	return nil
}

// GetIndex implements log.LogEntry.
func (e *Entry) GetIndex() uint64 { return e.Index }

// Size implements log.LogEntry. It is a hint: 64 is about what JSON adds.
func (e *Entry) Size() int { return len(e.Key) + len(e.Value) + 64 }

// State is what the store must remember besides its entries. Every save holds one, so the log
// always knows up to which entry the entries count.
type State struct {
	Term   uint64 `json:"term"`   // constant here; in Raft it changes with each election
	Commit uint64 `json:"commit"` // index of the last entry that counts
}

// term is the only term there is, because a single node holds no elections.
const term = 1

// Marshal implements log.RecordData.
func (s *State) Marshal() ([]byte, error) { return json.Marshal(s) }

// Unmarshal implements log.RecordData.
func (s *State) Unmarshal(data []byte) error {
	*s = State{}
	return json.Unmarshal(data, s)
}

// GetCommitted implements log.HardState.
func (s *State) GetCommitted() uint64 { return s.Commit }

// Reset implements log.HardState.
func (s *State) Reset() { *s = State{} }

// Snapshot records in the log that there is a snapshot file at an index. The pairs are in that
// file, not in the log.
type Snapshot struct {
	Index uint64 `json:"index"` // of the last entry that the snapshot covers
	Term  uint64 `json:"term"`
}

// Marshal implements log.RecordData.
func (s *Snapshot) Marshal() ([]byte, error) { return json.Marshal(s) }

// Unmarshal implements log.RecordData.
func (s *Snapshot) Unmarshal(data []byte) error {
	*s = Snapshot{}
	return json.Unmarshal(data, s)
}

// GetIndex implements log.Snapshot.
func (s *Snapshot) GetIndex() uint64 { return s.Index }

// GetTerm implements log.TermedSnapshot: so the log compares the term too when it is opened at a
// snapshot.
func (s *Snapshot) GetTerm() uint64 { return s.Term }

// records returns the registry that makes the log use these types. It is only for the log of this
// program: another log in the same process can have other types.
func records() *log.Registry {
	r := log.NewRegistry()
	r.Register(log.EntryType, &Entry{})
	r.Register(log.StateType, &State{})
	r.Register(log.SnapshotType, &Snapshot{})
	return r
}

// maxPair is how many bytes a key and its value may have together.
const maxPair = 1 << 20

// check returns an error if the entry cannot be stored and listed without loss. For example, JSON
// would silently replace what is not UTF-8.
func (e *Entry) check() error {
	switch {
	case e.Key == "":
		return fmt.Errorf("the key is empty")
	case !utf8.ValidString(e.Key) || !utf8.ValidString(e.Value):
		return fmt.Errorf("key and value must be UTF-8")
	case strings.ContainsAny(e.Key, "\t\r\n"):
		return fmt.Errorf("the key contains a tab or a line break")
	case strings.ContainsAny(e.Value, "\r\n"):
		return fmt.Errorf("the value contains a line break")
	case len(e.Key)+len(e.Value) > maxPair:
		return fmt.Errorf("key and value have more than %d bytes", maxPair)
	}
	return nil
}
