package log

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// complaint returns the message of the panic that a wrong prototype causes.
func complaint(call string, rt RecordType, prototype RecordData, err error) string {
	name := rt.String()
	if rt >= MetadataType && rt <= SnapshotType {
		name = strings.ToUpper(name[:1]) + name[1:] + "Type"
	}
	proto := "nil"
	if prototype != nil {
		proto = reflect.TypeOf(prototype).String()
	}
	return fmt.Sprintf("log: %s(%s, %s): %v", call, name, proto, err)
}

// method is a method that a record type needs besides those of RecordData, which the compiler
// checks.
type method struct {
	signature string
	alone     reflect.Type // the interface that has only this method
	find      func(reflect.Type) (reflect.Method, bool)
}

// Each method is looked up by a constant name. If a program looks up methods by names that it
// computes, the linker has to keep every exported method of every type.
var (
	getIndex = method{"GetIndex() uint64", reflect.TypeFor[interface{ GetIndex() uint64 }](),
		func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("GetIndex") }}
	size = method{"Size() int", reflect.TypeFor[interface{ Size() int }](),
		func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Size") }}
	getCommitted = method{"GetCommitted() uint64",
		reflect.TypeFor[interface{ GetCommitted() uint64 }](),
		func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("GetCommitted") }}
	reset = method{"Reset()", reflect.TypeFor[interface{ Reset() }](),
		func(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Reset") }}

	entryMethods    = []method{getIndex, size}
	stateMethods    = []method{getCommitted, reset}
	snapshotMethods = []method{getIndex}
)

// fits returns an error that says why records of type t cannot be used as want, or nil if they can.
// want is an interface that has the methods of RecordData and the required ones.
func fits(t, want reflect.Type, required []method) error {
	if t == nil {
		return errors.New("the prototype is nil; pass a pointer to a record, such as new(T)")
	}
	if !t.Implements(want) {
		return lacking(t, want, required)
	}
	if elem := receiver(t); losesAll(elem) {
		return fmt.Errorf("what Unmarshal decodes would be lost, as it works on a copy of a new %s; "+
			"declare it on *%s and pass a pointer", elem, elem)
	}
	return nil
}

// receiver returns the type that t's methods are declared for, by value or by pointer.
func receiver(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// losesAll reports whether everything that Unmarshal decodes is lost, because it works on a copy of
// the record. The copy is that of a zero value, so it holds no reference through which Unmarshal
// could reach the original. A map is different: a new record has one that is made. A type without
// content has nothing to lose.
func losesAll(t reflect.Type) bool {
	_, byValue := t.MethodByName("Unmarshal")
	return byValue && t.Kind() != reflect.Map && t.Size() > 0
}

// lacking returns an error that lists the methods which want requires and t does not have.
func lacking(t, want reflect.Type, required []method) error {
	var missing, wrong []string
	for _, m := range required {
		if t.Implements(m.alone) {
			continue
		}
		if is, ok := m.find(t); ok {
			got := strings.Replace(unbound(is.Type).String(), "func", is.Name, 1)
			wrong = append(wrong, fmt.Sprintf("method %s should be %s", got, m.signature))
		} else {
			missing = append(missing, m.signature)
		}
	}
	var parts []string
	switch len(missing) {
	case 0:
	case 1:
		parts = append(parts, "missing method "+missing[0])
	default:
		parts = append(parts, "missing methods "+strings.Join(missing, ", "))
	}
	parts = append(parts, wrong...)
	if reflect.PointerTo(t).Implements(want) {
		parts = append(parts, fmt.Sprintf("*%s has all methods: pass a pointer", t))
	}
	return errors.New(strings.Join(parts, "; "))
}

// unbound returns the type of a method without its receiver.
func unbound(method reflect.Type) reflect.Type {
	var in, out []reflect.Type
	for i := 1; i < method.NumIn(); i++ {
		in = append(in, method.In(i))
	}
	for i := range method.NumOut() {
		out = append(out, method.Out(i))
	}
	return reflect.FuncOf(in, out, method.IsVariadic())
}
