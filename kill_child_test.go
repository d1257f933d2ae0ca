package wal

import (
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed449c39bc/wal/internal/killer"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// killChild is goroutines that use a log in every way, and report: the process that is killed.
type killChild struct {
	killer.Life
	w       *WAL
	reports io.Writer
	ids     atomic.Uint64
	stop    atomic.Bool
	acks    atomic.Int64
	acked   atomic.Uint64 // last index that was acknowledged, unless dropped since
	alone   bool          // no backups: where a disk fails, one fails without the log

	telling sync.Mutex // over reports

	order sync.Mutex // over what follows, and the first half of the calls that have an order
	last  uint64
	snap  uint64
}

// options returns random ones. What survives a kill does not depend on a sync.
func (c *killChild) options(rng *rand.Rand) []Option {
	opts := []Option{WithSegmentSize(4<<10 + rng.Int64N(24<<10)),
		WithPreallocation(Preallocation(rng.IntN(3)))}
	if rng.IntN(4) == 0 {
		opts = append(opts, WithNoSync())
	}
	return opts
}

// live opens the log, uses it for a while, closes it, and so on, until the process is killed.
func (c *killChild) live() error {
	rng := rand.New(rand.NewPCG(c.Seed, c.Round))
	for {
		opts := c.options(rng)
		var err error
		if Exist(c.Dir) {
			c.w, err = Open(nil, c.Dir, nil, opts...)
		} else {
			c.w, err = Create(nil, c.Dir, []byte("kill"), opts...)
		}
		if err != nil {
			return err
		}
		if err := c.tell(killer.Ready); err != nil {
			return err
		}
		c.last, c.snap = c.w.LastIndex(), c.w.Snapshot().GetIndex()
		c.acked.Store(c.last)
		pause := time.Duration(rng.IntN(60)) * time.Millisecond
		if errs := c.use(rng.Uint64(), func() { time.Sleep(pause) }); len(errs) > 0 {
			return errors.Join(errs...)
		}
		if rng.IntN(3) == 0 {
			c.w.Abandon() // a crash without a kill
		} else if err := c.w.Close(); err != nil {
			return err
		}
	}
}

// use runs the goroutines, and any more jobs, until the function returns, and
// returns the error with which each has ended, if it has.
func (c *killChild) use(seed uint64, until func(), more ...func(*rand.Rand) error) []error {
	c.stop.Store(false)
	jobs := append([]func(*rand.Rand) error{
		c.saveEntries, c.saveEntries, c.saveEntries, c.saveEntries,
		c.saveState, c.saveState, c.keep, c.read,
	}, more...)
	failed := make(chan error, len(jobs))
	var wait sync.WaitGroup
	for i, job := range jobs {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		wait.Go(func() {
			for !c.stop.Load() {
				if err := job(rng); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	until()
	c.stop.Store(true)
	wait.Wait()
	close(failed)
	var errs []error
	for err := range failed {
		errs = append(errs, err)
	}
	return errs
}

// tell writes one line to the parent.
func (c *killChild) tell(line string) error {
	c.telling.Lock()
	defer c.telling.Unlock()
	_, err := io.WriteString(c.reports, line)
	return err
}

func (c *killChild) id() uint64 { return c.Round<<32 | c.ids.Add(1) }

// report tells of a call before and after it. With the order's lock held until the
// call has its place, the order of the reports is that in the log.
func (c *killChild) report(o killer.Op, call func() error) error {
	if err := c.tell(o.Begun()); err != nil {
		return err
	}
	if err := call(); err != nil {
		return err
	}
	c.acks.Add(1)
	return c.tell(o.Acked())
}

// await returns when there are more acknowledgements than n, or nothing goes on.
func (c *killChild) await(n int64) {
	for began := time.Now(); c.acks.Load() < n && time.Since(began) < 20*time.Second; {
		time.Sleep(time.Millisecond)
	}
}

// saveEntries saves a few entries behind the last one, or over some, with or
// without a state. Only the ordering half is done under the lock, most of the time.
func (c *killChild) saveEntries(rng *rand.Rand) error {
	c.order.Lock()
	o := killer.Op{ID: c.id(), Kind: killer.Entries, Index: c.last + 1, N: 1 + rng.IntN(5),
		State: rng.IntN(2) == 0}
	if back := rng.Uint64N(4); rng.IntN(10) == 0 && c.last > c.snap+back {
		o.Index -= back
	}
	c.last = o.Index + uint64(o.N) - 1
	last := c.last
	ents := make([]log.LogEntry, o.N)
	for i := range ents {
		ents[i] = entry(o.ID, o.Index+uint64(i), killer.Data(o.ID, i, o.N))
	}
	var st log.HardState
	if o.State {
		st = killer.State(o.ID)
	}
	err := c.report(o, func() error {
		if rng.IntN(4) == 0 {
			defer c.order.Unlock()
			return c.w.Save(st, ents)
		}
		p, err := c.w.Append(st, ents)
		c.order.Unlock()
		if err != nil {
			return err
		}
		return p.Wait()
	})
	c.acked.Store(last)
	return err
}

// saveState saves a state alone, with nothing but the log's own order.
func (c *killChild) saveState(*rand.Rand) error {
	o := killer.Op{ID: c.id(), Kind: killer.Lone, State: true}
	return c.report(o, func() error { return c.w.SaveState(killer.State(o.ID)) })
}

// keep does what a program does now and then: snapshot, release and purge; truncate; sync.
func (c *killChild) keep(rng *rand.Rand) error {
	time.Sleep(time.Duration(rng.IntN(3)) * time.Millisecond)
	switch rng.IntN(12) {
	case 0, 1, 2:
		if !c.alone && rng.IntN(8) == 0 {
			return c.backup()
		}
		return c.truncate(rng)
	case 3:
		return c.restore(rng)
	case 4, 5:
		return c.compact()
	case 6, 7:
		_ = c.w.Stats()
		return c.w.Sync()
	}
	c.order.Lock()
	index := min(c.acked.Load(), c.last) - min(c.last, rng.Uint64N(20))
	if index <= c.snap || index > c.last {
		c.order.Unlock()
		return nil
	}
	c.snap = index
	o := killer.Op{ID: c.id(), Kind: killer.Snapshot, Index: index}
	snap := &walpb.Snapshot{Index: index, Term: 1}
	err := c.report(o, func() error { return c.w.SaveSnap(snap) })
	c.order.Unlock()
	if err != nil || rng.IntN(2) == 0 {
		return err
	}
	if err := c.w.Release(snap); err != nil || rng.IntN(2) == 0 {
		return err
	}
	_, err = c.w.Purge()
	return err
}

// backup copies the log, beside all that the others do with it, and looks at the copy.
func (c *killChild) backup() error {
	fsys, to := c.w.opts.fs, c.w.dir.Path()+".backup"
	if err := removeDir(fsys, to); err != nil { // of an earlier life
		return err
	}
	if err := c.w.Backup(to); err != nil {
		return err
	}
	_, err := Verify(nil, to, withFS(fsys))
	return err
}

// removeDir removes a directory of files, if there is one.
func removeDir(fsys vfs.FS, path string) error {
	if is, err := fsys.IsDir(path); err != nil || !is {
		return err
	}
	d, err := fsys.OpenDir(path)
	if err != nil {
		return err
	}
	defer d.Close()
	names, err := d.List()
	for _, name := range names {
		err = errors.Join(err, d.Remove(name))
	}
	return errors.Join(err, fsys.Remove(path))
}

// truncate drops a few entries above the snapshot.
func (c *killChild) truncate(rng *rand.Rand) error {
	c.order.Lock()
	defer c.order.Unlock()
	if c.last <= c.snap {
		return nil
	}
	c.last = max(c.snap, c.last-min(c.last, 1+rng.Uint64N(3)))
	o := killer.Op{ID: c.id(), Kind: killer.Truncate, Index: c.last}
	return c.report(o, func() error { return c.w.TruncateBack(o.Index) })
}

// restore replaces the log by a snapshot above or below its last entry, and a few entries.
func (c *killChild) restore(rng *rand.Rand) error {
	c.order.Lock()
	defer c.order.Unlock()
	index := max(c.snap, c.last-min(c.last, rng.Uint64N(5))) + rng.Uint64N(5)
	o := killer.Op{ID: c.id(), Kind: killer.Restore, Index: index, N: rng.IntN(3),
		State: rng.IntN(2) == 0}
	c.snap, c.last = index, index+uint64(o.N)
	var ents []log.LogEntry
	for i := range o.N {
		ents = append(ents, entry(o.ID, index+1+uint64(i), killer.Data(o.ID, i, o.N)))
	}
	var st log.HardState
	if o.State {
		st = killer.State(o.ID)
	}
	return c.report(o, func() error {
		return c.w.Restore(&walpb.Snapshot{Index: index, Term: 1}, st, ents)
	})
}

// compact drops the entries up to the snapshot.
func (c *killChild) compact() error {
	c.order.Lock()
	defer c.order.Unlock()
	if c.snap == 0 || c.snap > c.last {
		return nil
	}
	o := killer.Op{ID: c.id(), Kind: killer.Compact, Index: c.snap}
	return c.report(o, func() error { return c.w.Compact(o.Index) })
}

// read reads what there is, beside the savers.
func (c *killChild) read(*rand.Rand) error {
	time.Sleep(time.Millisecond)
	for ent, err := range c.w.Entries(c.w.FirstIndex(), c.w.LastIndex()+1) {
		if errors.Is(err, ErrCompacted) || errors.Is(err, ErrNotFound) ||
			errors.Is(err, ErrInvalidArgument) || errors.Is(err, ErrOverwritten) {
			return nil // purged or dropped since
		}
		if err != nil {
			return err
		}
		_ = ent
	}
	return nil
}
