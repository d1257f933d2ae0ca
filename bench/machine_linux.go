package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// describeMachine describes the machine and the file system that dir is on.
func describeMachine(dir string) machine {
	m := machine{
		CPU:    fieldOf(contents("/proc/cpuinfo"), "model name"),
		Cores:  runtime.GOMAXPROCS(0),
		System: runtime.GOOS + "/" + runtime.GOARCH,
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.MemoryBytes = int64(info.Totalram) * int64(info.Unit)
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.System += ", kernel " + unix.ByteSliceToString(name.Release[:])
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return m
	}
	if resolved, err := filepath.EvalSymlinks(abs); err == nil {
		abs = resolved
	}
	if on, ok := mountOf(contents("/proc/self/mountinfo"), abs); ok {
		m.FileSystem = fmt.Sprintf("%s, mounted with %s", on.fsType, on.options)
		m.Disk = describeDisk(on.device)
	}
	return m
}

// describeDisk describes the disk that has a device number. It returns "" if there is no such disk.
func describeDisk(device string) string {
	dir, err := filepath.EvalSymlinks("/sys/dev/block/" + device)
	if err != nil {
		return ""
	}
	if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
		dir = filepath.Dir(dir)
	}
	parts := []string{filepath.Base(dir)}
	if model := contents(filepath.Join(dir, "device", "model")); model != "" {
		parts = append(parts, model)
	}
	switch contents(filepath.Join(dir, "queue", "rotational")) {
	case "0":
		parts = append(parts, "not rotating")
	case "1":
		parts = append(parts, "reported as rotating")
	}
	if cache := contents(filepath.Join(dir, "queue", "write_cache")); cache != "" {
		parts = append(parts, "cache: "+cache)
	}
	return strings.Join(parts, ", ")
}

// contents returns the text of a small file without the space around it, or "" if it cannot be
// read.
func contents(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
