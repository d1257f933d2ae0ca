//go:build !linux

package vfs

import "os"

func written(_ *os.File, _, size int64) int64 { return size }
