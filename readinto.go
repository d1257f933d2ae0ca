package wal

import (
	"fmt"
	"io"
	"iter"

	"github.com/seed449c39bc/wal/internal/codec"
	"github.com/seed449c39bc/wal/log"
)

// ReadEntry is Entry, but decodes into a record of the caller's instead of a new one, and so spares
// its allocation. The record's type need not be the registered one. Whatever into held before is
// gone, also after an error: then it is empty, or holds what a failed Unmarshal left. What it holds
// is its own. into must be a pointer to a record, or a map; otherwise the error is an
// [ErrInvalidArgument].
func (v *view) ReadEntry(index uint64, into log.LogEntry) error {
	d, err := codec.NewInto(into)
	if err != nil {
		return err
	}
	if err := v.sticky.err(); err != nil {
		return err
	}
	c, err := v.cursorAt(index)
	if err != nil {
		return err
	}
	defer v.done(c)
	i, data, err := c.next()
	if err != nil {
		return err
	}
	return c.decodeInto(&d, i, data, false)
}

// ReadEntries is Entries, but decodes each entry into the same record of the caller's, and yields
// its index. If the record's type has UnmarshalShared, what the record holds is valid only until
// the loop asks for the next entry, or ends: so nothing is allocated and nothing is copied, and a
// loop that looks at each entry once takes half the time. Its errors are those of [WAL.Entries],
// and into is as for [WAL.ReadEntry].
func (v *view) ReadEntries(lo, hi uint64, into log.LogEntry) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		d, err := codec.NewInto(into)
		if err == nil {
			err = v.sticky.err()
		}
		if err != nil {
			yield(0, err)
			return
		}
		c, err := v.begin(lo, hi, firstGroups)
		if err != nil {
			yield(0, err)
			return
		}
		defer v.end(c)
		for {
			i, data, err := c.next()
			if err == io.EOF {
				return
			}
			if err == nil {
				err = c.decodeInto(&d, i, data, true)
			}
			if over := v.over(c, i); over != nil {
				err = over
			}
			if !yield(i, err) || err != nil {
				return
			}
		}
	}
}

// decodeInto decodes entry i, from the encoding that next returned last, into a record of the
// caller's, which may share that encoding if share is true.
func (c *cursor) decodeInto(d *codec.Into, i uint64, data []byte, share bool) error {
	if err := d.Decode(i, data, share); err != nil {
		return fmt.Errorf("wal: segment %s at offset %d: %w", c.file.name, c.off, err)
	}
	return nil
}
