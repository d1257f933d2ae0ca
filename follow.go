package wal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/seed449c39bc/wal/log"
)

// Follow returns an iteration over the entries from index from on, which waits for new ones when it
// has yielded all there are. Use it to ship the log to a replica, or to feed changes to a
// subscriber. It yields only what is durable or, with [WithNoSync], what is written. from may be at
// most LastIndex+1; otherwise the error is [ErrNotFound].
//
// If an entry below the next one is replaced or dropped, the iteration yields an
// [*OverwrittenError], which is an [ErrOverwritten]: what it yielded from Index on is void. A loop
// that goes on after this error gets the entries from Index on, and has missed nothing. If an entry
// is replaced before it was yielded, that is no error.
//
// Any other error ends the iteration:
//   - ctx.Err() when ctx is done.
//   - [ErrClosed] or [ErrFailed] when the log is closed or has failed, after all that is durable
//     was yielded.
//   - [ErrCompacted] when from is below FirstIndex, or when a snapshot has made the log jump over
//     the next entry.
//   - An error of reading.
//
// Each batch of saves wakes the followers; they do not poll. A follower that has fallen behind
// still yields what was released meanwhile: it keeps all segments that it has yet to read from
// being purged, including those that were begun while it waited. A loop that does not ask for more
// keeps them until it ends.
func (w *WAL) Follow(ctx context.Context, from uint64) iter.Seq2[log.LogEntry, error] {
	return func(yield func(log.LogEntry, error) bool) {
		if ctx == nil {
			yield(nil, fmt.Errorf("%w: a nil context; "+
				"pass context.Background() to follow until the log is closed", ErrInvalidArgument))
			return
		}
		c := w.cursor()
		defer w.end(c)
		for next := from; ; {
			ent, err := w.follow(ctx, c, next)
			if !yield(ent, err) {
				return
			}
			var over *OverwrittenError
			switch {
			case err == nil:
				next++
			case errors.As(err, &over):
				next = over.Index
			default:
				return
			}
		}
	}
}

// follow returns entry next, and waits until there is one. Its errors are those that Follow yields.
func (v *view) follow(ctx context.Context, c *cursor, next uint64) (log.LogEntry, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		i, data, err := c.next()
		var ent log.LogEntry
		if err == nil {
			ent, err = c.decode(i, data)
		}
		if over := v.sticky.err(); over != nil && errors.Is(err, ErrClosed) {
			err = over // the log may have failed before it was closed
		}
		// This is checked after reading: if the entry was not replaced by then, what was read is still in
		// the log.
		if r := c.replaced.Load(); err != io.EOF && (r == 0 || r > next) {
			return ent, err
		}
		if err := v.proceed(ctx, c, next); err != nil {
			return nil, err
		}
	}
}

// proceed sets a follower's cursor on the entries from next on. If there are none it waits for a
// change, and may return before there are any.
func (v *view) proceed(ctx context.Context, c *cursor, next uint64) error {
	over := v.sticky.err() // asked first: once it is set, no further entry comes
	changed, err := v.extend(c, next)
	if err != nil || changed == nil {
		return err
	}
	if over != nil {
		return over
	}
	select {
	case <-changed:
	case <-v.sticky.done:
	case <-ctx.Done():
	}
	return nil
}

// extend sets a follower's cursor on the entries from next on. If there are none yet, it returns a
// channel that the next change closes; until then the segments in which they will be are kept from
// Purge, too.
func (v *view) extend(c *cursor, next uint64) (changed <-chan struct{}, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, follows := v.readers[c]; !follows {
		switch first, last := v.first(), v.last; {
		case next < first:
			return nil, fmt.Errorf("%w: entry %d, the first one is %d", ErrCompacted, next, first)
		case next-1 > last:
			return nil, fmt.Errorf("%w: cannot follow from entry %d, the last one is %d",
				ErrNotFound, next, last)
		}
		v.readers[c] = struct{}{}
	}
	if r := c.replaced.Load(); r != 0 && r < next {
		err, next = &OverwrittenError{Index: r}, r
	}
	switch there := c.start(next, noEnd, firstGroups); {
	case err != nil:
		return nil, err
	case there != io.EOF:
		return nil, there
	}
	if v.changed == nil {
		v.changed = make(chan struct{})
	}
	return v.changed, nil
}
