package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// placing says on which cores the writer runs, and on which everything else of this program runs.
// The zero placing leaves that to the scheduler.
type placing struct{ writer, others unix.CPUSet }

// apart reports whether the writer has a core on which nothing else runs.
func (p placing) apart() bool { return p.writer.Count() > 0 }

// coresApart returns a placing that gives the writer the first core that this process may use.
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

// clear moves this program, which has all cores, off the writer's core. It returns a function that
// moves it back.
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

// moveThreads makes every thread of this process run only on the given cores. New threads inherit
// that, so it repeats until it finds no thread to move.
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
			if err != nil && !errors.Is(err, unix.ESRCH) { // ESRCH: the thread has ended
				return err
			}
		}
	}
	return nil
}

// onWritersCore calls f in a goroutine whose thread runs on the writer's core. The thread stays
// locked to the goroutine and ends with it, so no other goroutine runs on it later.
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
