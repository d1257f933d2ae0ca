//go:build !linux

package main

import "runtime"

// describeMachine describes the machine as far as Go knows it.
func describeMachine(string) machine {
	system := runtime.GOOS + "/" + runtime.GOARCH
	return machine{CPU: runtime.GOARCH, Cores: runtime.GOMAXPROCS(0), System: system}
}
