package log

import (
	"fmt"
	"reflect"
	"sync/atomic"

	"github.com/seed449c39bc/wal/walpb"
)

// Registry holds the types that a log decodes its entries, states and snapshots into. A kind for
// which nothing was registered has the type of package walpb. The zero Registry is ready to use,
// and has those types for all kinds.
//
// All methods are safe for concurrent use. A Registry must not be copied; see Clone.
type Registry struct {
	// These are loaded for every record that is decoded, by several goroutines, so no lock guards
	// them. nil means the type of package walpb.
	entry    atomic.Pointer[func() LogEntry]
	state    atomic.Pointer[func() HardState]
	snapshot atomic.Pointer[func() Snapshot]
}

// NewRegistry returns a registry that holds the types of package walpb.
func NewRegistry() *Registry { return new(Registry) }

var defaultRegistry Registry

// DefaultRegistry returns the registry that RegisterRecord registers in. Every log has it that is
// not given another one.
func DefaultRegistry() *Registry { return &defaultRegistry }

// RegisterRecord registers the prototype's type in the default registry, and panics as
// Registry.Register does. Call it in an init function: a log that is open already keeps the types
// that it was opened with.
func RegisterRecord(rt RecordType, prototype RecordData) {
	if err := defaultRegistry.register(rt, prototype); err != nil {
		panic(complaint("RegisterRecord", rt, prototype, err))
	}
}

// Register makes the prototype's type the type of all records of kind rt: EntryType for a LogEntry,
// StateType for a HardState, SnapshotType for a Snapshot. It replaces the type that was registered
// before. A log that is open already keeps the types that it was opened with.
//
// Only the type of the prototype is used, so a nil pointer will do. A new record is a pointer to a
// new zero value if the prototype is a pointer, and otherwise a new zero value. If it is a map, or
// a pointer to one, the map is made, and empty.
//
// Register panics, and changes nothing, if the prototype is nil or lacks a method, if rt is not a
// kind for which a type can be chosen, or if Unmarshal has a value receiver, so that whatever it
// decodes is lost.
func (r *Registry) Register(rt RecordType, prototype RecordData) {
	if err := r.register(rt, prototype); err != nil {
		panic(complaint("Register", rt, prototype, err))
	}
}

// register is Register, but returns an error instead of panicking.
func (r *Registry) register(rt RecordType, prototype RecordData) error {
	t := reflect.TypeOf(prototype)
	switch rt {
	case EntryType:
		return set(&r.entry, t, reflect.TypeFor[*walpb.Entry](), entryMethods)
	case StateType:
		return set(&r.state, t, reflect.TypeFor[*walpb.HardState](), stateMethods)
	case SnapshotType:
		return set(&r.snapshot, t, reflect.TypeFor[*walpb.Snapshot](), snapshotMethods)
	case MetadataType, CrcType:
		return fmt.Errorf("%s records are the log's own; only entries, states and snapshots can be "+
			"registered", rt)
	}
	return fmt.Errorf("there is no such record type; use EntryType, StateType or SnapshotType")
}

// set replaces one constructor of a registry by that of t, or returns an error if t does not fit.
// The constructor of the default type is nil, as in a new registry.
func set[T RecordData](to *atomic.Pointer[func() T], t, byDefault reflect.Type,
	required []method) error {
	if t == byDefault {
		to.Store(nil)
		return nil
	}
	if err := fits(t, reflect.TypeFor[T](), required); err != nil {
		return err
	}
	create := constructor[T](t)
	to.Store(&create)
	return nil
}

// constructor returns a function that makes new records of type t. It inspects t once, so that the
// function need not.
func constructor[T RecordData](t reflect.Type) func() T {
	switch t.Kind() {
	case reflect.Map:
		return func() T { return reflect.MakeMap(t).Interface().(T) }
	case reflect.Pointer:
		elem := t.Elem()
		if elem.Kind() == reflect.Map {
			return func() T {
				p := reflect.New(elem)
				p.Elem().Set(reflect.MakeMap(elem))
				return p.Interface().(T)
			}
		}
		return func() T { return reflect.New(elem).Interface().(T) }
	}
	// A value in an interface cannot be changed, so one zero value serves for all records.
	zero := reflect.Zero(t).Interface().(T)
	return func() T { return zero }
}

// NewEntry returns a new entry to decode into.
func (r *Registry) NewEntry() LogEntry {
	create := r.entry.Load()
	if create == nil {
		return new(walpb.Entry)
	}
	return (*create)()
}

// AppendEntries appends n new entries to decode into, and returns the extended slice. Entries of
// package walpb share one piece of memory.
func (r *Registry) AppendEntries(to []LogEntry, n int) []LogEntry {
	if r.entry.Load() == nil {
		made := make([]walpb.Entry, n)
		for i := range made {
			to = append(to, &made[i])
		}
		return to
	}
	for range n {
		to = append(to, r.NewEntry())
	}
	return to
}

// NewState returns a new state to decode into.
func (r *Registry) NewState() HardState {
	create := r.state.Load()
	if create == nil {
		return new(walpb.HardState)
	}
	return (*create)()
}

// NewSnapshot returns a new snapshot to decode into.
func (r *Registry) NewSnapshot() Snapshot {
	create := r.snapshot.Load()
	if create == nil {
		return new(walpb.Snapshot)
	}
	return (*create)()
}

// Clone returns an independent copy: a later Register on either does not change the other. A log
// makes one when it is opened.
func (r *Registry) Clone() *Registry {
	c := new(Registry)
	c.entry.Store(r.entry.Load())
	c.state.Store(r.state.Load())
	c.snapshot.Store(r.snapshot.Load())
	return c
}
