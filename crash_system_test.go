package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/crashmodel"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// foundIn reads all of an open log, by both ways of reading, which must agree.
func foundIn(v *view, metadata string) (*crashmodel.Found, error) {
	got, st, ents, err := v.ReadAll()
	if err != nil {
		return nil, err
	}
	if string(got) != metadata {
		return nil, fmt.Errorf("metadata is %q, want %q", got, metadata)
	}
	f := &crashmodel.Found{First: v.FirstIndex()}
	f.State, f.Snapshot = *hardState(st), *v.Snapshot().(*walpb.Snapshot)
	f.Low = f.First
	if got := v.LastIndex(); got+1 != f.First+uint64(len(ents)) {
		return nil, fmt.Errorf("last index is %d, but there are %d entries from %d on", got, len(ents),
			f.First)
	}
	i := f.First
	for ent, err := range v.Entries(f.First, v.LastIndex()+1) {
		if err != nil {
			return nil, err
		}
		e := ent.(*walpb.Entry)
		if e.Index != i || !crashmodel.SameEntry(e, ents[i-f.First].(*walpb.Entry)) {
			return nil, fmt.Errorf("entry %d read by index differs from that of ReadAll", i)
		}
		f.Entries = append(f.Entries, e)
		i++
	}
	if len(ents) > 0 {
		e, err := v.Entry(f.Last())
		if err != nil {
			return nil, err
		}
		if !crashmodel.SameEntry(e.(*walpb.Entry), f.Entries[len(ents)-1]) {
			return nil, fmt.Errorf("entry %d alone differs from that of ReadAll", f.Last())
		}
	}
	return f, nil
}

// hardState is a state of one of the types that the workloads save.
func hardState(st log.HardState) *walpb.HardState {
	if lazy, ok := st.(*lazyState); ok {
		return &lazy.HardState
	}
	return st.(*walpb.HardState)
}

// openFound opens the log on a disk, and returns what is in it.
func openFound(disk *crashfs.Disk, opts []Option) (*WAL, *crashmodel.Found, error) {
	w, err := Open(nil, crashDir, nil, append(slices.Clone(opts), withFS(disk))...)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := foundIn(&w.view, crashMetadata)
	return w, f, err
}

// crashOptions uses the log that the crash judge judges, with these options.
type crashOptions []Option

func (o crashOptions) with(opts ...Option) []Option { return append(o[:len(o):len(o)], opts...) }

func (o crashOptions) Open(disk *crashfs.Disk) (crashmodel.Log, *crashmodel.Found, error) {
	w, f, err := openFound(disk, o)
	if w == nil {
		return nil, nil, err
	}
	return w, f, err
}

func (o crashOptions) Create(disk *crashfs.Disk) (crashmodel.Log, *crashmodel.Found, error) {
	w, err := Create(nil, crashDir, []byte(crashMetadata), o.with(withFS(disk))...)
	if err != nil {
		return nil, nil, err
	}
	f, err := foundIn(&w.view, crashMetadata)
	return w, f, err
}

func (o crashOptions) OpenAgain(disk *crashfs.Disk) (f *crashmodel.Found, healed bool, err error) {
	listener := Listener{Healed: func(TornTail) { healed = true }}
	_, f, err = openFound(disk, o.with(WithListener(listener)))
	return f, healed, err
}

func (o crashOptions) OpenAt(
	disk *crashfs.Disk, snap *walpb.Snapshot,
) (*walpb.HardState, []*walpb.Entry, error) {
	w, err := Open(nil, crashDir, snap, o.with(withFS(disk))...)
	if err != nil {
		return nil, nil, err
	}
	_, st, ents, err := w.ReadAll()
	if err != nil {
		return nil, nil, err
	}
	out := make([]*walpb.Entry, len(ents))
	for i, e := range ents {
		out[i] = e.(*walpb.Entry)
	}
	return hardState(st), out, nil
}

func (o crashOptions) Read(disk *crashfs.Disk) (*crashmodel.Found, error) {
	r, err := OpenForRead(nil, crashDir, nil, o.with(withFS(disk))...)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return foundIn(&r.view, crashMetadata)
}

func (o crashOptions) Verify(disk *crashfs.Disk) (last uint64, torn bool, err error) {
	report, err := Verify(nil, crashDir, o.with(withFS(disk))...)
	if err != nil {
		return 0, false, err
	}
	return report.LastIndex, report.Torn != nil, nil
}
