package main

import (
	"errors"
	"fmt"
)

// written is what a disk was given to write.
type written struct{ writes, bytes int64 }

func (w written) minus(before written) written {
	return written{w.writes - before.writes, w.bytes - before.bytes}
}

// aSave adds what was written for each of a number of saves to a sample.
func (w written) aSave(s sample, saves int) {
	s[metricWrites] = float64(w.writes) / float64(saves)
	s[metricBytes] = float64(w.bytes) / 1e3 / float64(saves)
}

// A group is a set of processes whose writes to one disk the kernel counts and limits. This process
// is in it between enter and leave.
type group interface {
	enter() error
	leave() error
	set(l limit) error // replaces the limit before; limit{} lifts it
	count() (written, error)
	remove() error // undoes all that was done for the group
	about() string
}

// errNoLimits says why a disk has no group though the system may have groups.
var errNoLimits = fmt.Errorf("%w: no limits were asked for", errUnsupported)

// A disk counts what is written to the disk that a directory is on, and limits it.
type disk struct {
	group group // nil: not possible here
	why   error // why there is no group
	// whole counts what all processes write to the disk. nil: not possible here.
	whole func() (written, error)
}

// about says what counts, for the report.
func (d *disk) about() string {
	switch {
	case d.group != nil:
		return "those of this program alone, " + d.group.about()
	case d.whole != nil:
		return fmt.Sprintf("those of all programs, from /proc/diskstats (%v)", d.why)
	}
	return fmt.Sprintf("not counted (%v)", d.why)
}

// inside calls f while this process is in the group, if there is one. The limit is lifted again
// whatever f returns.
func (d *disk) inside(f func() error) (err error) {
	if d.group == nil {
		return f()
	}
	if err := d.group.enter(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.group.leave()) }()
	return f()
}

// under calls f while the limit holds. It may be called inside only.
func (d *disk) under(l limit, f func() error) (err error) {
	if l == (limit{}) {
		return f()
	}
	if d.group == nil {
		return d.why
	}
	defer func() { err = errors.Join(err, d.group.set(limit{})) }()
	if err := d.group.set(l); err != nil {
		return err
	}
	return f()
}

// during returns what is written during f, and whether that is known.
func (d *disk) during(f func() error) (w written, known bool, err error) {
	count := d.whole
	if d.group != nil {
		count = d.group.count
	}
	if count == nil {
		return w, false, f()
	}
	before, err := count()
	if err != nil {
		return w, false, err
	}
	if err := f(); err != nil {
		return w, false, err
	}
	after, err := count()
	return after.minus(before), true, err
}

// close removes the group. Another close does nothing.
func (d *disk) close() error {
	if d.group == nil {
		return nil
	}
	g := d.group
	d.group, d.why = nil, errors.New("closed")
	return g.remove()
}
