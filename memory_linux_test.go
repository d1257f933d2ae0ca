package wal_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal"
)

// streamChildEnv makes the benchmark read the log there from its beginning to its end, and say how
// much memory that took.
const streamChildEnv = "WAL_TEST_STREAM_CHILD"

// BenchmarkMemoryOfAStream measures a process that opens a log of 1 GB, in entries of
// 1 KiB, and reads it from its beginning to its end: peak-MB is the most that it had resident,
// its code and Go's runtime with it.
func BenchmarkMemoryOfAStream(b *testing.B) {
	const size, n = 1 << 10, 1e6
	if dir := os.Getenv(streamChildEnv); dir != "" {
		r, err := wal.OpenForRead(nil, dir, nil)
		check(b, err)
		read := 0
		for _, err := range r.Entries(1, n+1) {
			check(b, err)
			read++
		}
		check(b, r.Close())
		fmt.Printf("\nread %d peak %d\n", read, peakKiB(b))
		return
	}
	l := newBenchLog(b, wal.WithNoSync())
	l.fill(b, n, size)
	b.SetBytes(n * size)
	for b.Loop() {
		cmd := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^"+b.Name()+"$",
			"-test.benchtime=1x")
		cmd.Env = append(os.Environ(), streamChildEnv+"="+l.dir)
		out, err := cmd.CombinedOutput()
		require.NoError(b, err, "%s", out)
		_, report, _ := strings.Cut(string(out), "\nread ")
		var read, kib int
		_, err = fmt.Sscanf(report, "%d peak %d", &read, &kib)
		require.NoError(b, err, "%s", out)
		require.EqualValues(b, n, read)
		b.ReportMetric(float64(kib)*1024/1e6, "peak-MB")
	}
}

// peakKiB is the most memory that the process has had resident.
func peakKiB(tb testing.TB) (kib int) {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(tb, err)
	_, rest, found := strings.Cut(string(status), "VmHWM:")
	require.True(tb, found)
	_, err = fmt.Sscanf(rest, "%d kB", &kib)
	require.NoError(tb, err)
	return kib
}
