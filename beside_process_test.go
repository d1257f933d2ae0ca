package wal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// besideEnv is for how long processes are read beside; make crash sets it to minutes.
const besideEnv = "WAL_TEST_BESIDE"

// besideLife is how long each of them lives, at most.
const besideLife = 600 * time.Millisecond

// Readers of every kind beside a process that uses a log with everything there is, and is killed
// now and then, and followed by another one. None of them ever sees an error.
func TestBeside_ReadersAndAProcess(t *testing.T) {
	if s := os.Getenv(killChildEnv); s != "" {
		killedChild(s)
	}
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
		liveBeside(t, killLife{dir: dir, round: n + 1, seed: seed + n}, life)
	}
	done.Store(true)
	wait.Wait()
	t.Logf("%d readings beside %d processes; no panic, no error", readings.Load(), children)
	require.NotZero(t, readings.Load())
}

// liveBeside has a child use the log for a while, and kills it.
func liveBeside(t *testing.T, l killLife, life time.Duration) {
	in, out, err := os.Pipe()
	require.NoError(t, err)
	defer in.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), killChildEnv+"="+l.String())
	cmd.ExtraFiles = []*os.File{out}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	require.NoError(t, out.Close())
	timer := time.AfterFunc(life, func() { cmd.Process.Kill() })
	defer timer.Stop()
	io.Copy(io.Discard, in) // what it reports
	require.Error(t, cmd.Wait(), "it is killed")
	require.Empty(t, stderr.String(), "the child failed")
}
