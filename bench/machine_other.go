//go:build !linux

package main

import "runtime"

// describeMachine says what Go knows of the machine.
func describeMachine(string) machine {
	system := runtime.GOOS + "/" + runtime.GOARCH
	return machine{CPU: runtime.GOARCH, Cores: runtime.GOMAXPROCS(0), System: system}
}
