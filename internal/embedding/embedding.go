// Package embedding tells methods that a type may have from what it embeds.
package embedding

import "reflect"

// Gives tells whether something that a struct type embeds, directly or further down, has
// a method. The type then may have the method without knowing of it: it does not fit
// to methods that the type has of its own.
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

func has(t reflect.Type, method string) bool {
	_, ok := t.MethodByName(method)
	return ok
}
