package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// peakMemory returns the most memory that this process has had resident, in bytes. It is VmHWM,
// which starts from zero when the program starts; that of getrusage does not.
func peakMemory() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			digits := bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))
			kib, err := strconv.ParseInt(string(digits), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no VmHWM in /proc/self/status")
}
