package wal

import (
	"fmt"
	"iter"
	"reflect"

	"github.com/seed449c39bc/wal/log"
)

// As gives the entries of an iteration the type that they have, so that the loop over it
// needs no cast:
//
//	for put, err := range wal.As[*Put](w.Entries(lo, hi)) {
//
// Errors are passed on. A nil seq is an [ErrInvalidArgument]. An entry of another type, which is
// one that the log's registry does not have for entries, is an [ErrInvalidArgument], and ends it.
func As[E log.LogEntry](seq iter.Seq2[log.LogEntry, error]) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		if seq == nil {
			var none E
			yield(none, fmt.Errorf("%w: nil in place of an iteration", ErrInvalidArgument))
			return
		}
		for ent, err := range seq {
			e, ok := ent.(E)
			wrong := err == nil && !ok
			if wrong {
				err = fmt.Errorf("%w: an entry is a %T, not a %v; the log's registry says which type its entries have",
					ErrInvalidArgument, ent, reflect.TypeFor[E]())
			}
			if !yield(e, err) || wrong {
				return
			}
		}
	}
}
