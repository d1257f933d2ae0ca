// Package crashtest is a counter on a log, with tests which show that it loses nothing acknowledged
// in a crash. docs/TESTING.md explains them.
package crashtest

import (
	"strconv"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// A Counter is a sum that survives crashes. It is not safe for concurrent use.
type Counter struct {
	w    *wal.WAL
	last uint64 // index of the last entry
	sum  int
}

// Open opens the counter in dir, or creates one. The options are for the log.
func Open(dir string, opts ...wal.Option) (*Counter, error) {
	w, err := wal.OpenOrCreate(nil, dir, []byte("counter"), opts...)
	if err != nil {
		return nil, err
	}
	c := &Counter{w: w}
	for ent, err := range w.Entries(w.FirstIndex(), w.LastIndex()+1) {
		n := 0
		if err == nil {
			n, err = strconv.Atoi(string(ent.(*walpb.Entry).Data))
		}
		if err != nil {
			w.Close()
			return nil, err
		}
		c.last, c.sum = ent.GetIndex(), c.sum+n
	}
	return c, nil
}

// Add adds n. Once Add has returned nil, the sum holds n, whatever happens. After an error, n may
// or may not be in the sum when the counter is opened again.
func (c *Counter) Add(n int) error {
	ent := &walpb.Entry{Index: c.last + 1, Data: []byte(strconv.Itoa(n))}
	if err := c.w.SaveEntry([]log.LogEntry{ent}); err != nil {
		return err
	}
	c.last, c.sum = ent.Index, c.sum+n
	return nil
}

// Sum returns the sum of all that was added.
func (c *Counter) Sum() int { return c.sum }

// Close closes the counter.
func (c *Counter) Close() error { return c.w.Close() }
