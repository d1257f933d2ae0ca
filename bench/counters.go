package main

import (
	"fmt"
	"strconv"
	"strings"
)

// sectorSize is the unit of /proc/diskstats in bytes, whatever the disk's own sectors are.
const sectorSize = 512

// fromDiskstats returns what was written to a disk (major:minor) according to /proc/diskstats: the
// writes after the kernel has merged them, and the flushes.
func fromDiskstats(text, number string) (w written, err error) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 11 || f[0]+":"+f[1] != number {
			continue
		}
		fields := []string{f[7], f[9], "0"}
		if len(f) > 18 {
			fields[2] = f[18] // flushes
		}
		n, err := integers(fields...)
		if err != nil {
			return w, fmt.Errorf("diskstats: %w", err)
		}
		return written{writes: n[0] + n[2], bytes: n[1] * sectorSize}, nil
	}
	return w, fmt.Errorf("diskstats: no disk %s", number)
}

// fromBlkio returns what a group has written to a disk according to cgroup v1's
// blkio.throttle.io_serviced and io_service_bytes. A disk without a line was not used.
func fromBlkio(serviced, bytes, number string) (w written, err error) {
	if w.writes, err = blkioWrites(serviced, number); err != nil {
		return w, fmt.Errorf("io_serviced: %w", err)
	}
	if w.bytes, err = blkioWrites(bytes, number); err != nil {
		return w, fmt.Errorf("io_service_bytes: %w", err)
	}
	return w, nil
}

func blkioWrites(text, number string) (int64, error) {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == number && f[1] == "Write" {
			return strconv.ParseInt(f[2], 10, 64)
		}
	}
	return 0, nil
}

// fromIOStat returns what a group has written to a disk according to cgroup v2's io.stat. A disk
// without a line was not used.
func fromIOStat(text, number string) (w written, err error) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != number {
			continue
		}
		values := map[string]string{"wios": "0", "wbytes": "0"}
		for _, field := range f[1:] {
			key, value, _ := strings.Cut(field, "=")
			values[key] = value
		}
		n, err := integers(values["wios"], values["wbytes"])
		if err != nil {
			return w, fmt.Errorf("io.stat: %w", err)
		}
		return written{writes: n[0], bytes: n[1]}, nil
	}
	return w, nil
}

func integers(texts ...string) (all []int64, err error) {
	for _, text := range texts {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

// A hierarchy is a mounted tree of cgroups, and the place of this process in it.
type hierarchy struct {
	v2   bool
	root string // the directory it is mounted on
	home string // the directory of the cgroup that this process is in
}

// hierarchies returns the trees that can limit disks: version 1's with the controller blkio, and
// version 2's. It takes the texts of /proc/self/mountinfo and /proc/self/cgroup.
func hierarchies(mountinfo, self string) (all []hierarchy) {
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		fields, more := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(more) < 3 {
			continue
		}
		v2 := more[0] == "cgroup2"
		if !v2 && (more[0] != "cgroup" || !listed(more[2], "blkio")) {
			continue
		}
		if path, ok := cgroupPath(self, v2); ok {
			within := strings.TrimPrefix(path, strings.TrimSuffix(fields[3], "/"))
			all = append(all, hierarchy{v2, fields[4], strings.TrimSuffix(fields[4]+within, "/")})
		}
	}
	return all
}

// cgroupPath returns the path of this process's cgroup, in version 2's tree or in blkio's.
func cgroupPath(self string, v2 bool) (string, bool) {
	for line := range strings.Lines(self) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) == 3 && (v2 && f[0] == "0" && f[1] == "" || !v2 && listed(f[1], "blkio")) {
			return f[2], true
		}
	}
	return "", false
}

// listed reports whether a list with commas or spaces has an element.
func listed(list, element string) bool {
	for _, e := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		if e == element {
			return true
		}
	}
	return false
}
