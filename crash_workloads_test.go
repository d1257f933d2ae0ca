package wal

import (
	"bytes"
	"slices"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashmodel"
	"github.com/seed449c39bc/wal/log"
	"github.com/seed449c39bc/wal/walpb"
)

// crashWorkload is a life of a log. It makes the same calls for the same seed.
type crashWorkload struct {
	name string
	kind crashKind
	size int64 // of a segment; 0: any from 512 to 4096
	opts []Option
	run  func(r *crashRun)
}

func lazyRegistry() *log.Registry {
	reg := log.NewRegistry()
	reg.Register(log.StateType, &lazyState{})
	return reg
}

var crashWorkloads = []crashWorkload{
	{name: "a few small saves", size: 1024, run: func(r *crashRun) {
		r.create()
		for range 3 {
			r.save(nil, r.entries(1, 30)...)
		}
		r.save(r.state(), r.entries(2, 20)...)
		r.close()
	}},
	{name: "saves", run: func(r *crashRun) {
		r.create()
		for range 6 {
			r.save(r.state(), r.entries(1+r.rnd.IntN(3), 900)...)
		}
	}},
	{name: "overwrites", run: func(r *crashRun) {
		r.create()
		for i := range 8 {
			r.save(nil, r.entries(1+i%3, 400)...)
			if i%2 == 1 {
				over := 1 + r.rnd.Uint64N(max(r.life.Newest().Last(), 1))
				r.save(r.state(), r.entry(uint64(i), over, 600))
			}
		}
	}},
	{name: "states", size: 1024, run: func(r *crashRun) {
		r.create()
		for range 12 {
			r.save(r.state())
		}
		r.reopen()
		r.save(r.state())
	}},
	{name: "lazy states", kind: crashKind{lazy: true}, opts: []Option{WithRegistry(lazyRegistry())},
		run: func(r *crashRun) {
			r.create()
			for i := range 12 {
				st := r.state()
				st.Term = uint64(i / 6) // mostly it is only the commit index that is new
				if i%4 == 3 {
					r.save(st, r.entries(1, 500)...)
					continue
				}
				r.save(st)
			}
			r.sync()
			r.save(&walpb.HardState{Term: 1, Vote: 1, Commit: 99})
			r.close()
		}},
	{name: "snapshots", run: func(r *crashRun) {
		r.create()
		for i := range 4 {
			r.save(nil, r.entries(2, 200)...)
			r.snapshot(r.life.Newest().Last() - uint64(i%2))
		}
		r.snapshot(r.life.Newest().Last() + 10) // the log jumps
		r.save(r.state(), r.entries(1, 100)...)
		r.reopen()
	}},
	{name: "cuts", size: 512, run: func(r *crashRun) {
		r.create()
		for i := range 10 {
			r.save(nil, r.entries(1, 250)...)
			if i%3 == 0 {
				r.save(r.state())
			}
		}
	}},
	{name: "release and purge", size: 512, run: func(r *crashRun) {
		r.create()
		for i := range 3 {
			for range 4 {
				r.save(r.state(), r.entries(1, 250)...)
			}
			snap := r.life.Newest().Last() - uint64(i%2)
			r.snapshot(snap)
			r.purge(snap)
		}
		r.save(nil, r.entries(1, 10)...)
		r.reopen()
	}},
	{name: "truncations", run: func(r *crashRun) {
		r.create()
		r.save(r.state(), r.entries(6, 200)...)
		r.truncate(4)
		r.save(nil, r.entries(2, 600)...)
		r.truncate(2)
		r.truncate(0)
		r.save(nil, r.entries(1, 100)...)
		r.reopen()
		r.truncate(0)
	}},
	{name: "restores", run: func(r *crashRun) {
		r.create()
		r.save(r.state(), r.entries(4, 300)...)
		r.restore(2, 0, 0) // lower than the log reaches
		r.save(nil, r.entries(2, 500)...)
		r.restore(50, 3, 400)
		r.purge(50)
		r.save(r.state(), r.entries(1, 200)...)
		r.reopen()
		r.restore(20, 1, 700)
		r.save(nil, r.entries(1, 100)...)
	}},
	{name: "compactions", size: 512, run: func(r *crashRun) {
		r.create()
		for i := range 3 {
			for range 3 {
				r.save(r.state(), r.entries(2, 250)...)
			}
			r.compact(r.life.Newest().Last() - uint64(i%3))
			if i == 1 {
				r.snapshot(r.life.Newest().Last())
			}
		}
		r.reopen()
		r.save(nil, r.entries(1, 10)...)
		r.compact(r.life.Newest().Last())
		r.save(nil, r.entry(3, r.life.Newest().Last()-1, 300)) // over what was compacted
	}},
	{name: "compactions over jumps", size: 512, run: func(r *crashRun) {
		r.create()
		r.save(r.state(), r.entries(6, 200)...)
		last := r.life.Newest().Last()
		r.snapshot(last + 10)
		r.compact(last - 2) // what is hidden
		r.save(nil, r.entry(1, last+1, 100))
		r.snapshot(last + 10)
		r.snapshot(last + 20)
		r.compact(last + 10)
		r.reopen()
		r.save(r.state(), r.entries(2, 200)...)
		r.snapshot(r.life.Newest().Last() + 10)
		r.compact(r.life.Newest().Last())
		r.save(nil, r.entries(1, 100)...)
	}},
	{name: "closes and opens", run: func(r *crashRun) {
		r.create()
		r.reopen()
		r.save(nil, r.entries(2, 400)...)
		r.reopen()
		r.reopen()
		r.save(r.state(), r.entries(1, 400)...)
		r.close()
	}},
	{name: "deaths of the process", run: func(r *crashRun) {
		r.create()
		r.save(nil, r.entries(2, 400)...)
		r.die()
		r.save(r.state(), r.entries(1, 700)...)
		r.die()
		r.save(nil, r.entries(1, 700)...)
		r.close()
	}},
	{name: "abandoned logs", size: 1024, run: func(r *crashRun) {
		r.create()
		r.save(nil, r.entries(2, 400)...)
		r.abandon()
		r.save(r.state(), r.entries(1, 700)...)
		r.abandon()
		r.abandon()
		r.save(nil, r.entries(1, 300)...)
		r.close()
	}},
	{name: "backups", size: 1024, run: func(r *crashRun) {
		r.create()
		r.save(r.state(), r.entries(3, 400)...)
		r.backup(true)
		r.save(nil, r.entries(2, 700)...)
		r.backup(false)
		r.snapshot(r.life.Newest().Last() - 1)
		r.purge(r.life.Newest().Last() - 1)
		r.backup(true)
		r.save(nil, r.entries(1, 300)...)
	}},
	{name: "power cuts", run: func(r *crashRun) {
		r.create()
		for i := range 4 {
			r.save(nil, r.entries(2, 400)...)
			r.save(r.state(), r.entries(1, 1500)...)
			if i < 3 {
				r.powerCut(4, nil)
			}
		}
	}},
	{name: "power cuts, and Repair", run: func(r *crashRun) {
		r.create()
		for range 2 {
			r.save(nil, r.entries(2, 400)...)
			r.save(r.state(), r.entries(2, 1500)...)
			r.powerCut(2, func() {
				_, err := Repair(nil, crashDir, r.options()...)
				r.failed("repair", err)
			})
		}
		r.save(nil, r.entries(1, 100)...)
	}},
	{name: "large records", size: 1024, run: func(r *crashRun) {
		r.create()
		for i := range 4 {
			r.save(nil, r.entry(1, r.life.Newest().Last()+1, 100),
				r.entry(1, r.life.Newest().Last()+2, 6000))
			r.save(nil, r.entries(1, 300*i)...)
		}
		r.reopen()
		r.save(r.state(), r.entries(1, 3000)...)
	}},
	{name: "saves of several goroutines", run: func(r *crashRun) {
		r.create()
		for range 2 {
			r.concurrentSaves(4, 4)
			r.settle()
		}
		r.reopen()
	}},
	{name: "appends of several goroutines", run: func(r *crashRun) {
		r.create()
		r.concurrentAppends(4, 5)
		r.settle()
		r.save(r.state(), r.entries(1, 100)...)
	}},
	{name: "no syncs", kind: crashKind{noSync: true}, opts: []Option{WithNoSync()},
		run: func(r *crashRun) {
			r.create()
			for range 2 {
				for range 4 {
					r.save(r.state(), r.entries(1, 500)...)
				}
				r.sync()
				r.save(nil, r.entries(2, 300)...)
			}
			r.reopen()
			r.save(nil, r.entries(1, 300)...)
		}},
	{name: "compactions and restores without syncs", size: 512, kind: crashKind{noSync: true},
		opts: []Option{WithNoSync()}, run: func(r *crashRun) {
			r.create()
			for i := range 3 {
				for range 3 {
					r.save(nil, r.entries(1, 200)...)
				}
				r.compact(r.life.Newest().Last() - 1)
				r.restore(r.life.Newest().Last()+5, i, 100)
			}
		}},
	{name: "a purge without syncs", size: 512, kind: crashKind{noSync: true},
		opts: []Option{WithNoSync()}, run: func(r *crashRun) {
			r.create()
			r.snapshot(0) // the first purge takes it away
			for range 3 {
				for range 4 {
					r.save(nil, r.entries(1, 200)...)
				}
				r.snapshot(r.life.Newest().Last())
				r.purge(r.life.Newest().Last())
			}
		}},
	{name: "etcd format", kind: crashKind{etcd: true}, opts: []Option{WithEtcdFormat()},
		run: func(r *crashRun) {
			r.create()
			for range 5 {
				r.save(r.state(), r.entries(2, 500)...)
			}
			r.snapshot(2)
			r.purge(2)
			r.die()
			r.save(nil, r.entries(1, 1500)...)
			r.reopen()
			r.save(r.state())
		}},
	{name: "power cuts in etcd format", kind: crashKind{etcd: true}, opts: []Option{WithEtcdFormat()},
		run: func(r *crashRun) {
			r.create()
			for range 3 {
				r.save(r.state(), r.entries(2, 900)...)
				r.powerCut(3, nil)
			}
		}},
	{name: "a log of etcd's goes on trailered", kind: crashKind{etcd: true}, run: func(r *crashRun) {
		opts := r.opts
		r.opts = append(slices.Clone(opts), WithEtcdFormat())
		r.create()
		r.save(r.state(), r.entries(2, 500)...)
		r.close()
		r.opts = opts
		r.open()
		r.save(nil, r.entries(2, 300)...) // still in etcd's segment
		r.truncate(3)                     // begins a trailered one
		r.kind.etcd = !r.trailered()
		r.compact(1)
		r.kind.etcd = !r.trailered()
		r.save(r.state(), r.entries(2, 300)...)
		r.reopen()
	}},
}

// concurrentSaves has several goroutines save at once, each over the
// same two entries. In which order they come into the log shows there.
func (r *crashRun) concurrentSaves(goroutines, saves int) {
	if r.dead {
		return
	}
	before := r.life.Newest()
	var made []*crashmodel.Stage
	marks := map[*crashmodel.Stage][]byte{}
	var wait sync.WaitGroup
	for range goroutines {
		wait.Go(func() {
			for range saves {
				r.mu.Lock()
				ents := []*walpb.Entry{r.entry(1, 1, 60), r.entry(1, 2, 400)}
				st := r.state()
				s := &crashmodel.Stage{What: "concurrent save", Begun: r.at(), Acked: -1, Kept: 0}
				s.Content = before.Put(ents[0]).Put(ents[1]).WithState(*st)
				made = append(made, s)
				marks[s] = ents[0].Data[:bytes.IndexByte(ents[0].Data, '>')+1]
				r.mu.Unlock()
				err := r.w.Save(st, logEntries(ents))
				if r.ended(s, err) {
					return
				}
			}
		})
	}
	wait.Wait()
	files := image(r.life.Disk.Image().Dir(crashDir))
	var order []byte
	for _, name := range files.names() {
		order = append(order, files[name]...)
	}
	place := func(s *crashmodel.Stage) int { return bytes.Index(order, marks[s]) }
	made = slices.DeleteFunc(made, func(s *crashmodel.Stage) bool {
		lost := place(s) < 0 // not even a part of it was written
		require.True(r.t, !lost || s.Acked < 0, "an acknowledged save is not on the disk")
		return lost
	})
	slices.SortFunc(made, func(a, b *crashmodel.Stage) int { return place(a) - place(b) })
	r.life.Stages = append(r.life.Stages, made...)
}

// ended takes note of how one of several saves at a time has ended, and reports whether it failed.
func (r *crashRun) ended(s *crashmodel.Stage, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock() // also when a requirement ends the goroutine
	if r.failed(s.What, err) {
		return true
	}
	s.Acked = r.at()
	return false
}

// concurrentAppends has several goroutines append one entry after the other, and
// wait for them outside of the lock under which they do.
func (r *crashRun) concurrentAppends(goroutines, saves int) {
	if r.dead {
		return
	}
	var wait sync.WaitGroup
	for range goroutines {
		wait.Go(func() {
			for range saves {
				r.mu.Lock()
				ents := r.entries(1, 300)
				before := len(r.life.Stages)
				s := r.saved("append", nil, ents)
				p, err := r.w.Append(nil, logEntries(ents))
				r.refused(before, err)
				failed := r.failed("append", err)
				r.mu.Unlock()
				if failed {
					return
				}
				err = p.Wait()
				r.mu.Lock()
				if !r.failed("wait", err) {
					s.Acked = r.at()
				}
				r.mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wait.Wait()
}
