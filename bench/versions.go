package main

import (
	"runtime/debug"
	"slices"
)

// versions returns the version of Go, and those of the modules that are compared or that matter to
// one of these, as they are built into this program.
func versions() []version {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	wanted := []string{"go.etcd.io/bbolt", "google.golang.org/protobuf"}
	for _, c := range contenders() {
		wanted = append(wanted, c.module)
	}
	list := []version{{"go", info.GoVersion}}
	for _, dep := range info.Deps {
		if !slices.Contains(wanted, dep.Path) {
			continue
		}
		v := dep.Version
		if dep.Replace != nil && dep.Replace.Version == "" {
			v = "this tree"
		}
		list = append(list, version{dep.Path, v})
	}
	return list
}
