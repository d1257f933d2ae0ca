package walpb

import (
	"errors"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// errNil is the error of marshalling a nil record. To write an empty record instead would hide the
// mistake for good.
var errNil = errors.New("walpb: a nil record cannot be marshalled")

// fields iterates over the fields of one message. The first error stops it.
type fields struct {
	message string // its name in errors
	rest    []byte
	num     protowire.Number
	typ     protowire.Type
	err     error
}

// next goes to the next field, and reports whether there is one. The caller takes or skips its
// value before the next call.
func (f *fields) next() bool {
	if f.err != nil || len(f.rest) == 0 {
		return false
	}
	num, typ, n := protowire.ConsumeTag(f.rest)
	if n < 0 {
		f.err = fmt.Errorf("%w: %s: a field's tag: %w", ErrMalformed, f.message, protowire.ParseError(n))
		return false
	}
	f.num, f.typ, f.rest = num, typ, f.rest[n:]
	return true
}

// took drops the n bytes of a value from the rest. A negative n is protowire's error code.
func (f *fields) took(field string, n int) {
	if n < 0 {
		f.fail(field, protowire.ParseError(n))
		return
	}
	f.rest = f.rest[n:]
}

// fail sets the error, which names the field.
func (f *fields) fail(field string, cause error) {
	f.err = fmt.Errorf("%w: %s: field %s: %w", ErrMalformed, f.message, field, cause)
}

// skip drops the field's value.
func (f *fields) skip() {
	n := protowire.ConsumeFieldValue(f.num, f.typ, f.rest)
	f.took(strconv.Itoa(int(f.num)), n)
}

// is reports whether the field has the given wire type, and fails if it does not.
func (f *fields) is(field string, want protowire.Type) bool {
	if f.typ == want {
		return true
	}
	f.fail(field, fmt.Errorf("wire type %d, want %d", f.typ, want))
	return false
}

// varint returns the field's value.
func (f *fields) varint(field string) uint64 {
	if !f.is(field, protowire.VarintType) {
		return 0
	}
	v, n := protowire.ConsumeVarint(f.rest)
	f.took(field, n)
	return v
}

// bytes returns the field's value, which aliases the input.
func (f *fields) bytes(field string) []byte {
	if !f.is(field, protowire.BytesType) {
		return nil
	}
	v, n := protowire.ConsumeBytes(f.rest)
	f.took(field, n)
	return v
}

// varints appends the field's value, or its values if they are packed.
func (f *fields) varints(field string, list []uint64) []uint64 {
	if f.typ != protowire.BytesType {
		return append(list, f.varint(field))
	}
	for packed := f.bytes(field); len(packed) > 0; {
		v, n := protowire.ConsumeVarint(packed)
		if n < 0 {
			f.fail(field, protowire.ParseError(n))
			return nil
		}
		list = append(list, v)
		packed = packed[n:]
	}
	return list
}

// The functions below encode. They are for field numbers below 16, whose tag is one byte.

func appendVarint(b []byte, num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

func sizeVarint(v uint64) int { return 1 + protowire.SizeVarint(v) }

func appendVarints(b []byte, num protowire.Number, list []uint64) []byte {
	for _, v := range list {
		b = appendVarint(b, num, v)
	}
	return b
}

func sizeVarints(list []uint64) int {
	n := 0
	for _, v := range list {
		n += sizeVarint(v)
	}
	return n
}
