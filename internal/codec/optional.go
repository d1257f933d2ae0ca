package codec

import (
	"reflect"

	"github.com/seed449c39bc/wal/internal/embedding"
	"github.com/seed449c39bc/wal/log"
)

// A record's type can have shortcuts: methods that do what others do, only faster. If it
// embeds a type that has one, it has it too, maybe unknowingly: with a Marshal of its own
// for a field more, AppendBinary of what it embeds would drop that field, and MustSync would
// leave a change of it in the page cache. So a shortcut that embedding gives is not
// taken. That costs speed, never data.

// indexReader returns what reads the indexes of encoded entries without decoding them, nil if the type cannot.
func indexReader(reg *log.Registry) log.IndexReader {
	ent := reg.NewEntry()
	r, ok := ent.(log.IndexReader)
	if !ok || embedding.Gives(reflect.TypeOf(ent), "ReadIndex") {
		return nil
	}
	return r
}

// shares tells whether entries of the type of ent can be decoded without copying.
func shares(ent log.LogEntry) bool {
	_, ok := ent.(log.SharedUnmarshaler)
	return ok && !embedding.Gives(reflect.TypeOf(ent), "UnmarshalShared")
}

// syncState returns the state as one that knows when it need not be durable at once.
func syncState(st log.HardState) (log.SyncState, bool) {
	s, ok := st.(log.SyncState)
	return s, ok && !embedding.Gives(reflect.TypeOf(st), "MustSync")
}
