package wal

import (
	"bytes"
	"fmt"
	"iter"
	"reflect"
	"runtime"
	"sync"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/log"
)

// ReadAll returns the metadata, the state that was saved last (an empty one if there was none), and
// the entries above the snapshot that the log was opened at, all as they were at one moment. It may
// be called at any time, and more than once. All entries have to fit in memory; they are decoded in
// several goroutines. Entries streams them instead.
func (v *view) ReadAll() (metadata []byte, st log.HardState, ents []log.LogEntry, err error) {
	if err := v.sticky.err(); err != nil {
		return nil, nil, nil, err
	}
	v.mu.Lock()
	lo, hi := max(v.first(), v.from+1), v.last+1
	state := bytes.Clone(v.state)
	var found []extent
	if lo < hi {
		found = v.index.find(lo, hi)
		ents = make([]log.LogEntry, hi-lo)
	}
	reading := v.register(found, lo) // so Purge keeps the segments
	v.mu.Unlock()
	defer v.end(reading)
	if st, _, err = codec.DecodeState(v.registry, state); err == nil {
		err = v.collect(found, lo, ents)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	return v.Metadata(), st, ents, nil
}

// collect reads the entries of the extents from index lo on into ents. Most of the time goes into
// decoding, so each processor gets a part of the extents.
func (v *view) collect(extents []extent, lo uint64, ents []log.LogEntry) error {
	parts := min(runtime.GOMAXPROCS(0), len(extents))
	errs := make([]error, parts)
	var wait sync.WaitGroup
	for i := range parts {
		part := extents[len(extents)*i/parts : len(extents)*(i+1)/parts]
		next := max(part[0].first, lo) - lo
		wait.Go(func() {
			codec.InWorker(&errs[i], func() { errs[i] = v.collectPart(part, lo, ents[next:]) })
		})
	}
	wait.Wait()
	for _, err := range errs { // the first error is the one at the lowest index
		if err != nil {
			return err
		}
	}
	return nil
}

// collectPart reads the entries of some extents from index lo on into ents.
func (v *view) collectPart(extents []extent, lo uint64, ents []log.LogEntry) error {
	next := 0
	for ent, err := range v.read(extents, lo) {
		if err != nil {
			return err
		}
		ents[next] = ent
		next++
	}
	return nil
}

// As returns an iteration that yields the entries of seq as the type E, so that a loop over them
// needs no type assertion:
//
//	for put, err := range wal.As[*Put](w.Entries(lo, hi)) {
//
// It passes errors on. If seq is nil, or if an entry has another type than E, the error is an
// [ErrInvalidArgument] and the iteration ends. The log's registry says which type its entries have.
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
				err = fmt.Errorf("%w: an entry is a %T, not a %v; "+
					"the log's registry says which type its entries have",
					ErrInvalidArgument, ent, reflect.TypeFor[E]())
			}
			if !yield(e, err) || wrong {
				return
			}
		}
	}
}
