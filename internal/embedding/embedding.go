// Package embedding finds methods that a type has only because it embeds another one.
package embedding

import "reflect"

// Gives reports whether a type that is embedded in t has the method, at any depth. t is a struct,
// or a pointer to one. If so, t may have the method by accident, and it may not fit the methods
// that t declares itself.
func Gives(t reflect.Type, method string) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && (has(f.Type, method) || has(reflect.PointerTo(f.Type), method)) {
			return true
		}
	}
	return false
}

// has reports whether a type has the method.
func has(t reflect.Type, method string) bool {
	_, ok := t.MethodByName(method)
	return ok
}
