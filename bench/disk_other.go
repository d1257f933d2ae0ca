//go:build !linux

package main

import "fmt"

// openDisk returns a disk that neither counts nor limits.
func openDisk(string) *disk {
	return &disk{why: fmt.Errorf("%w: limits and counters of a disk are Linux's", errUnsupported)}
}

func countedDisk(string) *disk { return openDisk("") }
