package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// countedDisk returns the disk that a directory is on, of which all programs' writes are counted.
// What is not possible here, and why, is in it.
func countedDisk(dir string) *disk {
	d, _ := diskOf(dir)
	return d
}

// diskOf returns the disk that a directory is on, and its number.
func diskOf(dir string) (d *disk, number string) {
	number, err := diskNumber(dir)
	if err != nil {
		return &disk{why: err}, ""
	}
	d = &disk{why: errNoLimits, whole: func() (written, error) {
		return fromDiskstats(contents("/proc/diskstats"), number)
	}}
	if _, err := d.whole(); err != nil {
		d.whole = nil
	}
	return d, number
}

// openDisk is countedDisk with a cgroup, in which this program's writes are counted and limited.
func openDisk(dir string) *disk {
	d, number := diskOf(dir)
	if number == "" {
		return d
	}
	g, err := newCgroup(number)
	if err != nil {
		d.why = err
		return d
	}
	d.group, d.why = g, nil
	return d
}

// diskNumber returns the number, major:minor, of the whole disk that a directory is on: the kernel
// limits no partitions.
func diskNumber(dir string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return "", err
	}
	number := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	sys, err := filepath.EvalSymlinks("/sys/dev/block/" + number)
	if err != nil {
		return "", fmt.Errorf("%w: the file system of %s is on no block device of its own",
			errUnsupported, dir)
	}
	if _, err := os.Stat(filepath.Join(sys, "partition")); err == nil {
		number = contents(filepath.Join(filepath.Dir(sys), "dev"))
	}
	return number, nil
}

// A cgroup is a group of its own that holds this process, or none.
type cgroup struct {
	hierarchy
	dir     string
	disk    string // major:minor
	enabled bool   // version 2: whether the controller was switched on for the group
}

// newCgroup makes a cgroup that can limit a disk.
func newCgroup(disk string) (*cgroup, error) {
	trees := hierarchies(contents("/proc/self/mountinfo"), contents("/proc/self/cgroup"))
	if len(trees) == 0 {
		return nil, fmt.Errorf("%w: no cgroups with limits for disks are mounted", errUnsupported)
	}
	why := errUnsupported
	for i, h := range trees {
		g, err := h.newCgroup(disk)
		if err == nil {
			return g, nil
		}
		why = fmt.Errorf("%w%s %w", why, []string{":", ";"}[min(i, 1)], err)
	}
	return nil, why
}

// newCgroup makes a cgroup in one tree, and tries it.
func (h hierarchy) newCgroup(disk string) (*cgroup, error) {
	g := &cgroup{hierarchy: h, disk: disk}
	parent := h.home
	if h.v2 {
		var err error
		if parent, g.enabled, err = h.parent(); err != nil {
			return nil, err
		}
	}
	var err error
	if g.dir, err = os.MkdirTemp(parent, "wal-bench-"); err != nil {
		return nil, errors.Join(err, g.disable())
	}
	if err := g.try(); err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, nil
}

// try does with the cgroup what the bench will do.
func (g *cgroup) try() error {
	for _, l := range []limit{bandwidthLimit, writesLimit, {}} {
		if err := g.set(l); err != nil {
			return err
		}
	}
	if _, err := g.count(); err != nil {
		return err
	}
	if err := g.enter(); err != nil {
		return err
	}
	return g.leave()
}

// parent returns the nearest directory from home upwards whose children have the controller io, and
// whether it was switched on for that. A cgroup with processes, other than the root, cannot have
// it switched on.
func (h hierarchy) parent() (dir string, enabled bool, err error) {
	err = fmt.Errorf("the controller io is not in %s", filepath.Join(h.root, "cgroup.controllers"))
	for dir = h.home; ; dir = filepath.Dir(dir) {
		if listed(contents(filepath.Join(dir, "cgroup.subtree_control")), "io") {
			return dir, false, nil
		}
		if listed(contents(filepath.Join(dir, "cgroup.controllers")), "io") {
			if err = put(filepath.Join(dir, "cgroup.subtree_control"), "+io"); err == nil {
				return dir, true, nil
			}
		}
		if dir == h.root || len(dir) <= len(h.root) {
			return "", false, err
		}
	}
}

// enter moves this process, with all its threads, into the cgroup.
func (g *cgroup) enter() error { return put(filepath.Join(g.dir, "cgroup.procs"), pid()) }

// leave moves this process back to where it was.
func (g *cgroup) leave() error { return put(filepath.Join(g.home, "cgroup.procs"), pid()) }

func pid() string { return strconv.Itoa(os.Getpid()) }

// set sets the limit.
func (g *cgroup) set(l limit) error {
	if g.v2 {
		return put(filepath.Join(g.dir, "io.max"), ioMax(g.disk, l))
	}
	if l.bytes == 0 {
		l.bytes = unlimited
	}
	return errors.Join(
		put(filepath.Join(g.dir, "blkio.throttle.write_bps_device"), fmt.Sprint(g.disk, " ", l.bytes)),
		put(filepath.Join(g.dir, "blkio.throttle.write_iops_device"), fmt.Sprint(g.disk, " ", l.writes)))
}

// unlimited is a rate that no disk reaches, in bytes a second. Version 1 counts only where there is
// a limit.
const unlimited = 1 << 40

// ioMax returns a line of version 2's io.max.
func ioMax(disk string, l limit) string {
	value := func(n int64) string {
		if n == 0 {
			return "max"
		}
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%s wbps=%s wiops=%s", disk, value(l.bytes), value(l.writes))
}

// count returns what the processes in the cgroup have written so far.
func (g *cgroup) count() (written, error) {
	if g.v2 {
		stat, err := os.ReadFile(filepath.Join(g.dir, "io.stat"))
		if err != nil {
			return written{}, err
		}
		return fromIOStat(string(stat), g.disk)
	}
	serviced, err := os.ReadFile(filepath.Join(g.dir, "blkio.throttle.io_serviced"))
	if err != nil {
		return written{}, err
	}
	bytes, err := os.ReadFile(filepath.Join(g.dir, "blkio.throttle.io_service_bytes"))
	if err != nil {
		return written{}, err
	}
	return fromBlkio(string(serviced), string(bytes), g.disk)
}

// remove removes the cgroup, which this process has left.
func (g *cgroup) remove() error {
	return errors.Join(retry(func() error { return os.Remove(g.dir) }), g.disable())
}

// retry calls remove until the kernel does not call the cgroup busy: a thread that was ending when
// its process left is in the cgroup until it has ended. It gives up after a second.
func retry(remove func() error) error {
	err := remove()
	for range 100 {
		if !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(10 * time.Millisecond)
		err = remove()
	}
	return err
}

// disable switches the controller off again if it was switched on for this cgroup.
func (g *cgroup) disable() error {
	if !g.enabled {
		return nil
	}
	return put(filepath.Join(filepath.Dir(g.dir), "cgroup.subtree_control"), "-io")
}

func (g *cgroup) about() string {
	if g.v2 {
		return "from io.stat of a cgroup (version 2)"
	}
	return "from blkio.throttle.io_serviced of a cgroup (version 1)"
}

// put writes one line to a file that is there.
func put(name, line string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.TrimSpace(line) + "\n")
	return closing(err, f)
}
