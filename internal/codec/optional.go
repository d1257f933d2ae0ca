package codec

import (
	"reflect"

	"github.com/seed449c39bc/wal/internal/embedding"
	"github.com/seed449c39bc/wal/log"
)

// Optional methods of a record's type do what others do, only faster. A type that embeds another
// has the optional methods of that one too, perhaps without its author knowing: where it has a
// Marshal of its own for one more field, the embedded AppendBinary would drop that field, and the
// embedded MustSync would leave a change of it in the page cache. So an optional method that comes
// from an embedded type is not used. That costs speed, never data.

// indexReader returns what reads the indexes of encoded entries without decoding them; nil if the
// registered type cannot.
func indexReader(reg *log.Registry) log.IndexReader {
	ent := reg.NewEntry()
	r, ok := ent.(log.IndexReader)
	if !ok || embedding.Gives(reflect.TypeOf(ent), "ReadIndex") {
		return nil
	}
	return r
}

// shares reports whether entries of the type of ent can be decoded without copying.
func shares(ent log.LogEntry) bool {
	_, ok := ent.(log.SharedUnmarshaler)
	return ok && !embedding.Gives(reflect.TypeOf(ent), "UnmarshalShared")
}

// syncState returns the state as one whose type says when it need not be durable at once. ok is
// false if the type does not.
func syncState(st log.HardState) (log.SyncState, bool) {
	s, ok := st.(log.SyncState)
	return s, ok && !embedding.Gives(reflect.TypeOf(st), "MustSync")
}
