package main

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// placing says on which cores the writer and the readers run. The zero placing
// leaves that to the scheduler.
type placing struct{ writer, readers unix.CPUSet }

// apart tells whether it gives the writer a core that no reader runs on.
func (p placing) apart() bool { return p.writer.Count() > 0 }

// coresApart gives the writer the first core that this process may use, and the readers all others.
func coresApart() (p placing, err error) {
	if err := unix.SchedGetaffinity(0, &p.readers); err != nil {
		return p, err
	}
	if p.readers.Count() < 2 {
		return p, fmt.Errorf("%w: one core cannot be shared out", errUnsupported)
	}
	first := 0
	for !p.readers.IsSet(first) {
		first++
	}
	p.readers.Clear(first)
	p.writer.Set(first)
	return p, nil
}

func (p placing) onWritersCore(f func() error) error  { return p.on(&p.writer, f) }
func (p placing) onReadersCores(f func() error) error { return p.on(&p.readers, f) }

// on calls f in a goroutine whose thread runs on some cores only. The thread
// stays locked, so it ends with the goroutine and nobody inherits its place.
func (p placing) on(cores *unix.CPUSet, f func() error) error {
	if !p.apart() {
		return f()
	}
	runtime.LockOSThread()
	if err := unix.SchedSetaffinity(0, cores); err != nil {
		return err
	}
	return f()
}
