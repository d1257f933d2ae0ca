package wal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/seed449c39bc/wal/log"
)

// Follow yields the entries from index from on, and waits for new ones when it has
// yielded all there are: for shipping the log to a replica, or a feed of changes.
// Only what is durable is yielded; with [WithNoSync], what is written. from is at most
// LastIndex+1, else the error is [ErrNotFound].
//
// When an entry below the next one is replaced or dropped, it yields an
// [*OverwrittenError], which is an [ErrOverwritten]: what was yielded from its Index on is void. A loop
// that goes on then gets the entries from Index on, and has missed nothing. What is replaced before it was
// yielded is no error.
//
// It ends with any other error:
//   - ctx.Err() when ctx is done.
//   - [ErrClosed] or [ErrFailed] when the log is closed or fails, after all that is durable was yielded.
//   - [ErrCompacted] when from is below FirstIndex, or a snapshot has made the log jump over the
//     next entry.
//   - What went wrong in reading.
//
// Followers are woken by each batch of saves, and do not poll. One that has fallen behind still yields
// what was released meanwhile: it keeps all segments that it has to read from being purged,
// those that came since it waited, too. One that is not read from keeps them as long.
func (w *WAL) Follow(ctx context.Context, from uint64) iter.Seq2[log.LogEntry, error] {
	return func(yield func(log.LogEntry, error) bool) {
		if ctx == nil {
			yield(nil, fmt.Errorf("%w: a nil context; pass context.Background() to follow until the log is closed", ErrInvalidArgument))
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

// follow returns entry next, when there is one.
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
			err = over // it may have failed before it was closed
		}
		// Looked at after reading: whatever was read then is still in the log.
		if r := c.replaced.Load(); err != io.EOF && (r == 0 || r > next) {
			return ent, err
		}
		if err := v.proceed(ctx, c, next); err != nil {
			return nil, err
		}
	}
}

// proceed sets a follower's cursor on what there is from entry next on. If there
// is nothing it waits, and may return before there is.
func (v *view) proceed(ctx context.Context, c *cursor, next uint64) error {
	over := v.sticky.err() // asked first: what comes behind the last entry then is nothing
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

// extend sets a follower's cursor on the entries from next on that there are. If there are
// none it returns what to wait for. The segments of what comes meanwhile are kept from Purge, too.
func (v *view) extend(c *cursor, next uint64) (changed <-chan struct{}, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, follows := v.readers[c]; !follows {
		switch first, last := v.first(), v.last; {
		case next < first:
			return nil, fmt.Errorf("%w: entry %d, the first one is %d", ErrCompacted, next, first)
		case next-1 > last:
			return nil, fmt.Errorf("%w: cannot follow from entry %d, the last one is %d", ErrNotFound, next, last)
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
