//go:build !linux

package vfs

import "os"

func data(_ *os.File, off, size int64) (start, end int64) { return off, size }

func zeroed(*os.File, int64, int64) bool { return false }

func copyOnWrite(*os.File) bool { return false }

func stored(*os.File, []byte, int64) bool { return false }

func writeBack(*os.File, int64, int64) {}

func forget(*os.File, int64) {}
