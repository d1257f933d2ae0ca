package codec

import (
	"fmt"
	"reflect"

	"github.com/seed449c39bc/wal/internal/embedding"
	"github.com/seed449c39bc/wal/log"
)

// IsNil reports whether rec is an untyped nil or a nil pointer.
func IsNil(rec any) bool {
	v := reflect.ValueOf(rec)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// IndexOf returns the index of a record of the caller's. A panic is an ErrInvalidArgument.
func IndexOf(rec interface{ GetIndex() uint64 }) (i uint64, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w: GetIndex of %T: %w", ErrInvalidArgument, rec, err)
		}
	}()
	defer Guard(&err)
	return rec.GetIndex(), nil
}

// IsEmpty reports whether a state says that it is empty. A type without IsEmpty of its own never
// does. A panic is an ErrEncode.
func IsEmpty(st log.HardState) (empty bool, err error) {
	e, ok := st.(log.EmptyState)
	if !ok || embedding.Gives(reflect.TypeOf(st), "IsEmpty") {
		return false, nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w: IsEmpty of %T: %w", ErrEncode, st, err)
		}
	}()
	defer Guard(&err)
	return e.IsEmpty(), nil
}

// SetIndex gives an entry its index. The error, an ErrInvalidArgument, says why the type cannot
// take it. A panic is the caller's to guard.
func SetIndex(ent log.LogEntry, i uint64) error {
	if IsNil(ent) {
		return fmt.Errorf("%w: a nil entry", ErrInvalidArgument)
	}
	s, ok := ent.(log.IndexSetter)
	if !ok {
		return fmt.Errorf("%w: %T has no SetIndex(uint64), by which it would get its index; "+
			"give it one, or use Save", ErrInvalidArgument, ent)
	}
	s.SetIndex(i)
	if got := ent.GetIndex(); got != i {
		return fmt.Errorf("%w: %T has index %d after SetIndex(%d)", ErrInvalidArgument, ent, got, i)
	}
	return nil
}
