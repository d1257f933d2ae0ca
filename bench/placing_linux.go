package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// placing says on which cores the writer runs, and on which everything else of
// this program. The zero placing leaves that to the scheduler.
type placing struct{ writer, others unix.CPUSet }

// apart tells whether it gives the writer a core that nothing else runs on.
func (p placing) apart() bool { return p.writer.Count() > 0 }

// coresApart gives the writer the first core that this process may use.
func coresApart() (p placing, err error) {
	if err := unix.SchedGetaffinity(0, &p.others); err != nil {
		return p, err
	}
	if p.others.Count() < 2 {
		return p, fmt.Errorf("%w: one core cannot be shared out", errUnsupported)
	}
	first := 0
	for !p.others.IsSet(first) {
		first++
	}
	p.others.Clear(first)
	p.writer.Set(first)
	return p, nil
}

// clear moves this program, which has all cores, off the writer's core, and returns what moves it
// back.
func (p placing) clear() (back func() error, err error) {
	if !p.apart() {
		return func() error { return nil }, nil
	}
	all := p.others
	for core := range len(all) * 64 {
		if p.writer.IsSet(core) {
			all.Set(core)
		}
	}
	return func() error { return moveThreads(&all) }, moveThreads(&p.others)
}

// moveThreads lets every thread of this process run on these cores only. New
// threads inherit that: it goes on until a look at all of them finds nobody to move.
func moveThreads(cores *unix.CPUSet) error {
	for moved := true; moved; {
		moved = false
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil {
				return err
			}
			var now unix.CPUSet
			if err = unix.SchedGetaffinity(id, &now); err == nil && now != *cores {
				moved = true
				err = unix.SchedSetaffinity(id, cores)
			}
			if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended meanwhile
				return err
			}
		}
	}
	return nil
}

// onWritersCore calls f in a goroutine whose thread runs on the writer's core. The
// thread stays locked, so it ends with the goroutine and nobody inherits its place.
func (p placing) onWritersCore(f func() error) error {
	if !p.apart() {
		return f()
	}
	runtime.LockOSThread()
	if err := unix.SchedSetaffinity(0, &p.writer); err != nil {
		return err
	}
	return f()
}
