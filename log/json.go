package log

import (
	"encoding/json"
	"errors"
)

// JSON is an entry or a snapshot with a value of any type that encoding/json can encode and decode:
// log.JSON[Put] needs no methods of Put. The index is stored beside the value, so it is always
// there. Decoding begins with an empty value, so nothing of an older one is left.
//
// What encoding/json leaves out or alters is lost: fields that are not exported, those that a tag
// leaves out, bytes of a string that are not UTF-8, and digits of a large number in an interface.
// What it can encode and not decode, a value that is nested too deep, is refused.
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

// errNoJSONRecord is returned for data that neither JSON nor JSONState has written.
var errNoJSONRecord = errors.New("log: no index or no value in the JSON of the record")

// Marshal implements RecordData.
func (e *JSON[V]) Marshal() ([]byte, error) { return encodeJSON(e) }

// Unmarshal implements RecordData: it replaces the index and the value. After an error both are
// zero.
func (e *JSON[V]) Unmarshal(data []byte) error {
	index, value, err := decodeJSON[V](data, "index")
	*e = JSON[V]{index, value}
	return err
}

// GetIndex implements LogEntry and Snapshot.
func (e *JSON[V]) GetIndex() uint64 { return e.Index }

// SetIndex implements IndexSetter.
func (e *JSON[V]) SetIndex(index uint64) { e.Index = index }

// Size implements LogEntry. It returns a guess, because the length of the encoding is not known
// before.
func (e *JSON[V]) Size() int { return jsonSize }

// jsonSize is about the size of a small record in JSON, in bytes.
const jsonSize = 128

// JSONState is a state with a value of any type that encoding/json can encode and decode. It is for
// states what [JSON] is for entries and snapshots.
type JSONState[V any] struct {
	Commit uint64 `json:"commit"` // index of the last entry known to be committed
	Value  V      `json:"value"`
}

// Marshal implements RecordData.
func (s *JSONState[V]) Marshal() ([]byte, error) { return encodeJSON(s) }

// Unmarshal implements RecordData: it replaces the commit index and the value. After an error both
// are zero.
func (s *JSONState[V]) Unmarshal(data []byte) error {
	commit, value, err := decodeJSON[V](data, "commit")
	*s = JSONState[V]{commit, value}
	return err
}

// GetCommitted implements HardState.
func (s *JSONState[V]) GetCommitted() uint64 { return s.Commit }

// Reset implements HardState.
func (s *JSONState[V]) Reset() { *s = JSONState[V]{} }

// deepJSON is a length in bytes below which JSON cannot be nested too deep: encoding/json decodes
// ten thousand levels, and each takes two bytes.
const deepJSON = 10_000

// encodeJSON encodes a record. It returns errDeepJSON if the record could not be decoded, because
// encoding/json encodes values of any depth.
func encodeJSON(record any) ([]byte, error) {
	data, err := json.Marshal(record)
	if err == nil && len(data) >= deepJSON && !json.Valid(data) {
		return nil, errDeepJSON
	}
	return data, err
}

// decodeJSON decodes a record into a new value; name is the name of the number in it. It refuses
// JSON that is not that of a record, such as null or an object without an index, because it would
// otherwise pass for an empty record.
func decodeJSON[V any](data []byte, name string) (number uint64, value V, err error) {
	if number, raw, ok := usualJSON(data, name); ok {
		if err := json.Unmarshal(raw, &value); err == nil {
			return number, value, nil
		}
		var none V
		value = none
	}
	return decodeAnyJSON[V](data, name)
}

// usualJSON takes apart what encodeJSON writes, which spares two of the three passes over it. raw
// is all between the name of the value and the last brace. So if raw is the JSON of one value, the
// record is that of number and raw, and nothing else is in it.
func usualJSON(data []byte, name string) (number uint64, raw []byte, ok bool) {
	const behind = `,"value":`
	at := len(`{"":`) + len(name)
	if len(data) < at || string(data[:2]) != `{"` || string(data[2:at-2]) != name ||
		string(data[at-2:at]) != `":` {
		return 0, nil, false
	}
	digits := at
	for at < len(data) && data[at]-'0' <= 9 && at-digits < 19 { // 19 digits fit into a uint64
		number = 10*number + uint64(data[at]-'0')
		at++
	}
	if at == digits || data[digits] == '0' && at > digits+1 {
		return 0, nil, false
	}
	end := len(data) - 1
	if end-at <= len(behind) || string(data[at:at+len(behind)]) != behind || data[end] != '}' {
		return 0, nil, false
	}
	return number, data[at+len(behind) : end], true
}

// decodeAnyJSON does what decodeJSON does, for a record in any form.
func decodeAnyJSON[V any](data []byte, name string) (number uint64, value V, err error) {
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
