package main

import (
	"fmt"
	"strings"
)

// machine describes the machine that the figures come from. What is not known is empty.
type machine struct {
	CPU         string
	Cores       int
	MemoryBytes int64
	System      string // operating system, architecture and kernel
	FileSystem  string // of the directory, with its mount options
	Disk        string
}

// words returns a description of the machine, as a Markdown list.
func (m machine) words() string {
	var b strings.Builder
	line := func(what, value string) {
		if value != "" {
			fmt.Fprintf(&b, "- %s: %s\n", what, value)
		}
	}
	line("processor", fmt.Sprintf("%s, %d cores for this program", m.CPU, m.Cores))
	if m.MemoryBytes > 0 {
		line("memory", fmt.Sprintf("%.1f GB", float64(m.MemoryBytes)/1e9))
	}
	line("system", m.System)
	line("file system", m.FileSystem)
	line("disk", m.Disk)
	return b.String()
}

// mount is one line of Linux's mountinfo.
type mount struct {
	point, device, fsType, options string // device is major:minor
}

// mountOf returns the mount that a path is on; the path is absolute and has no links. It is the
// mount with the longest mount point and, if there are several of those, the last, which covers the
// others.
func mountOf(mountinfo, path string) (mount, bool) {
	var best mount
	found := false
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		fields, more := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 6 || len(more) < 3 {
			continue
		}
		m := mount{point: fields[4], device: fields[2], fsType: more[0],
			options: allOptions(fields[5], more[2])}
		under := m.point == "/" || path == m.point || strings.HasPrefix(path, m.point+"/")
		if under && len(m.point) >= len(best.point) {
			best, found = m, true
		}
	}
	return best, found
}

// allOptions joins the options of a mount and of its file system, each once.
func allOptions(lists ...string) string {
	var all []string
	seen := map[string]bool{}
	for _, list := range lists {
		for option := range strings.SplitSeq(list, ",") {
			if !seen[option] {
				all = append(all, option)
			}
			seen[option] = true
		}
	}
	return strings.Join(all, ",")
}

// fieldOf returns the value of the first line "name : value" of a file such as /proc/cpuinfo.
func fieldOf(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
