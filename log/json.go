package log

import (
	"encoding/json"
	"errors"
)

// JSON is an entry or a snapshot with a value of any type that encoding/json can encode and
// decode: log.JSON[Put] needs no methods of Put. The index stands beside the value, so that it is
// always stored, and decoding begins with an empty value, so that nothing of an older one is left.
//
// What encoding/json leaves out or alters is lost here too: fields that are not exported, those
// that a tag leaves out, bytes of a string that are not UTF-8, and digits of a large number in an
// interface. What it encodes and does not decode, a value nested too deep, is refused.
//
//	type Entry = log.JSON[Put]
//	registry.Register(log.EntryType, &Entry{})
type JSON[V any] struct {
	Index uint64 `json:"index"`
	Value V      `json:"value"`
}

// errDeepJSON is returned for a value that encoding/json encodes and does not decode.
var errDeepJSON = errors.New("log: the value is nested too deep to be decoded from JSON")

// IndexSetter is a LogEntry whose index the log may set.
type IndexSetter interface {
	// SetIndex makes GetIndex return index.
	SetIndex(index uint64)
}

// errNoJSONRecord is returned for data that JSON has not written.
var errNoJSONRecord = errors.New("log: no index or no value in the JSON of the record")

// Marshal implements RecordData.
func (e *JSON[V]) Marshal() ([]byte, error) { return encodeJSON(e) }

// Unmarshal implements RecordData: it replaces index and value. After an error both are empty.
func (e *JSON[V]) Unmarshal(data []byte) error {
	index, value, err := decodeJSON[V](data, "index")
	*e = JSON[V]{index, value}
	return err
}

// GetIndex implements LogEntry and Snapshot.
func (e *JSON[V]) GetIndex() uint64 { return e.Index }

// SetIndex implements IndexSetter.
func (e *JSON[V]) SetIndex(index uint64) { e.Index = index }

// Size implements LogEntry. How long the encoding gets is not known before; it is a guess.
func (e *JSON[V]) Size() int { return jsonSize }

// jsonSize is about what a small record has in JSON.
const jsonSize = 128

// JSONState is a state with a value of any type that encoding/json can encode and decode, as JSON
// is for entries and snapshots.
type JSONState[V any] struct {
	Commit uint64 `json:"commit"` // index of the last entry known to be committed
	Value  V      `json:"value"`
}

// Marshal implements RecordData.
func (s *JSONState[V]) Marshal() ([]byte, error) { return encodeJSON(s) }

// Unmarshal implements RecordData: it replaces commit index and value. After an error both are
// empty.
func (s *JSONState[V]) Unmarshal(data []byte) error {
	commit, value, err := decodeJSON[V](data, "commit")
	*s = JSONState[V]{commit, value}
	return err
}

// GetCommitted implements HardState.
func (s *JSONState[V]) GetCommitted() uint64 { return s.Commit }

// Reset implements HardState.
func (s *JSONState[V]) Reset() { *s = JSONState[V]{} }

// deepJSON is a length that JSON has if it is nested too deep for encoding/json, which decodes ten
// thousand levels. Each takes two bytes.
const deepJSON = 10_000

// encodeJSON encodes a record, unless it could not be decoded: encoding/json encodes any depth.
func encodeJSON(record any) ([]byte, error) {
	data, err := json.Marshal(record)
	if err == nil && len(data) >= deepJSON && !json.Valid(data) {
		return nil, errDeepJSON
	}
	return data, err
}

// decodeJSON decodes the record into a new value; name is that of its number. Other JSON than that
// of a record, such as null or an object without an index, would pass for an empty record; it is
// refused.
func decodeJSON[V any](data []byte, name string) (number uint64, value V, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return 0, value, err
	}
	var n *uint64
	if fields[name] == nil || fields["value"] == nil {
		return 0, value, errNoJSONRecord
	}
	if err := json.Unmarshal(fields[name], &n); err != nil {
		return 0, value, err
	}
	if n == nil { // null
		return 0, value, errNoJSONRecord
	}
	if err := json.Unmarshal(fields["value"], &value); err != nil {
		var none V
		return 0, none, err
	}
	return *n, value, nil
}
