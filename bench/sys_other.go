//go:build !linux

package main

import (
	"fmt"
	"os"
)

// datasync makes a file durable.
func datasync(f *os.File) error { return f.Sync() }

func openDirect(string) (*os.File, error) {
	return nil, fmt.Errorf("%w: O_DIRECT is Linux's", errUnsupported)
}

func reserve(*os.File, int64, int64) error {
	return fmt.Errorf("%w: fallocate is Linux's", errUnsupported)
}

func aligned(n int) []byte { return make([]byte, n) }

// settle has no counterpart here.
func settle(string) error { return nil }
