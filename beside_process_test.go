package wal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/killer"
)

// besideEnv is for how long processes are read beside; make crash sets it to minutes.
const besideEnv = "WAL_TEST_BESIDE"

// besideLife is how long each of them lives, at most.
const besideLife = 600 * time.Millisecond

// Readers of every kind beside a process that uses a log with everything there is, and is killed
// now and then, and followed by another one. None of them ever sees an error.
func TestBeside_ReadersAndAProcess(t *testing.T) {
	killer.BeChild(liveAndDie)
	if runtime.GOOS == "windows" {
		t.Skip("needs a system with SIGKILL and inherited pipes")
	}
	long := 1500 * time.Millisecond
	if s := os.Getenv(besideEnv); s != "" {
		var err error
		long, err = time.ParseDuration(s)
		require.NoError(t, err, besideEnv)
	}
	dir := filepath.Join(t.TempDir(), "log")
	var done atomic.Bool
	var wait sync.WaitGroup
	var readings atomic.Int64
	for name, read := range readers {
		wait.Go(func() {
			for !done.Load() && !t.Failed() {
				made := Exist(dir)
				_, err := read(dir)
				if !made && errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				readings.Add(1)
			}
		})
	}
	children, seed := 0, newSeed(t)
	for began := time.Now(); time.Since(began) < long && !t.Failed(); children++ {
		life := min(besideLife, long-time.Since(began))
		n := uint64(children)
		liveBeside(t, killer.Life{Dir: dir, Round: n + 1, Seed: seed + n}, life)
	}
	done.Store(true)
	wait.Wait()
	t.Logf("%d readings beside %d processes; no panic, no error", readings.Load(), children)
	require.NotZero(t, readings.Load())
}

// liveBeside has a child use the log for a while, and kills it.
func liveBeside(t *testing.T, l killer.Life, life time.Duration) {
	child, err := killer.Start(t.Context(), t.Name(), l)
	require.NoError(t, err)
	timer := time.AfterFunc(life, child.Kill)
	defer timer.Stop()
	io.Copy(io.Discard, child.Reports())
	require.NoError(t, child.Wait())
}
