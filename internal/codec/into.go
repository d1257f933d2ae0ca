package codec

import (
	"fmt"
	"reflect"

	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// Into decodes entries into one record of the caller's. It is not safe for concurrent use.
type Into struct {
	ent    log.LogEntry
	entry  *walpb.Entry          // ent, if it is one: it replaces all of itself
	shared log.SharedUnmarshaler // ent, if it can be decoded without copying
	value  reflect.Value         // what is emptied before it is decoded into
}

// NewInto returns an Into for the record, which it empties. The error, an ErrInvalidArgument, says
// why nothing can be decoded into it.
func NewInto(ent log.LogEntry) (d Into, err error) {
	v := reflect.ValueOf(ent)
	if k := v.Kind(); k != reflect.Pointer && k != reflect.Map || v.IsNil() {
		return d, fmt.Errorf("%w: cannot read an entry into a %T; pass a pointer to a record",
			ErrInvalidArgument, ent)
	}
	d = Into{ent: ent, value: v}
	d.entry, _ = ent.(*walpb.Entry)
	if shares(ent) {
		d.shared = ent.(log.SharedUnmarshaler)
	}
	d.empty()
	return d, nil
}

// Decode decodes entry i from data, which is intact, into the record. With share the record may
// share the memory of data. The error is an ErrDecode.
func (d *Into) Decode(i uint64, data []byte, share bool) error {
	if err := d.decode(i, data, share); err != nil {
		return DecodeError(d.ent, log.EntryType, data, err)
	}
	return nil
}

func (d *Into) decode(i uint64, data []byte, share bool) (err error) {
	if d.entry != nil && share {
		err = d.entry.UnmarshalShared(data)
		if err == nil && d.entry.Index != i {
			err = wrongIndex(i, d.entry.Index)
		}
		if err != nil {
			d.empty()
		}
		return err
	}
	defer Guard(&err)
	d.empty()
	if share && d.shared != nil {
		err = d.shared.UnmarshalShared(data)
	} else {
		err = d.ent.Unmarshal(data)
	}
	if got := d.ent.GetIndex(); err == nil && got != i {
		err = wrongIndex(i, got)
	}
	return err
}

// empty makes the record what a new one is. An Unmarshal may merge what it decodes into what the
// record holds, as those of protobuf and of encoding/json do: then fields of the entry before it
// would be left.
func (d *Into) empty() {
	v := d.value
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch {
	case v.Kind() != reflect.Map:
		v.SetZero()
	case v.IsNil():
		v.Set(reflect.MakeMap(v.Type()))
	default:
		v.Clear()
	}
}

// wrongIndex is the cause where an entry is decoded with another index than it has in the log. The
// chain was right, so the data is, and the type is at fault.
func wrongIndex(i, got uint64) error {
	return fmt.Errorf("entry %d is read with index %d", i, got)
}
