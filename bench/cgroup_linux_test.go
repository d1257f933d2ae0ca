package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// realDisk returns the disk of a directory and its cgroup, and skips the test where there is none.
func realDisk(t *testing.T) (*bench, *cgroup) {
	b := smokeBench(t)
	if b.disk.group == nil {
		require.ErrorIs(t, b.disk.why, errUnsupported)
		t.Skip(b.disk.why)
	}
	return b, b.disk.group.(*cgroup)
}

func TestACgroupIsEnteredLeftAndRemoved(t *testing.T) {
	b, g := realDisk(t)
	home := contents("/proc/self/cgroup")
	require.NoError(t, b.disk.inside(func() error {
		require.NotEqual(t, home, contents("/proc/self/cgroup"))
		require.Equal(t, pid(), contents(filepath.Join(g.dir, "cgroup.procs")))
		return nil
	}))
	require.Equal(t, home, contents("/proc/self/cgroup"))
	require.DirExists(t, g.dir)
	require.NoError(t, b.close())
	require.NoDirExists(t, g.dir)
	require.NoDirExists(t, b.dir)
	require.NoError(t, b.close(), "closing twice is closing once")
	require.Equal(t, home, contents("/proc/self/cgroup"))
}

// Ctrl-C cancels the context.
func TestAnInterruptedBenchLeavesNoCgroup(t *testing.T) {
	_, g := realDisk(t)
	home := contents("/proc/self/cgroup")
	ctx, cancel := context.WithCancel(context.Background())
	var during []string
	started := writerFunc(func(p []byte) (int, error) {
		during = groupsIn(t, filepath.Dir(g.dir))
		cancel()
		return len(p), nil
	})
	args := []string{"-dir", t.TempDir(), "-scale", "0.001", "-limits", limitsOnly}
	before := groupsIn(t, filepath.Dir(g.dir))
	require.ErrorIs(t, run(ctx, args, io.Discard, started), context.Canceled)
	require.Len(t, during, len(before)+1)
	require.Equal(t, before, groupsIn(t, filepath.Dir(g.dir)))
	require.Equal(t, home, contents("/proc/self/cgroup"))
}

// groupsIn returns the cgroups in a directory.
func groupsIn(t *testing.T, dir string) []string {
	all, err := filepath.Glob(filepath.Join(dir, "*", "cgroup.procs"))
	require.NoError(t, err)
	return all
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A limit that did not hold would make every figure that of an unlimited disk. The kernel may give
// what it allows in a tenth of a second at once.
func TestALimitHolds(t *testing.T) {
	b, _ := realDisk(t)
	const aSecond, writes = 200, 60
	f, err := zeroed(filepath.Join(b.dir, "own"), 1<<20)
	require.NoError(t, err)
	began := time.Now()
	require.NoError(t, b.disk.inside(func() error {
		return b.disk.under(limit{writes: aSecond}, func() error {
			for i := range int64(writes) {
				_, err := f.WriteAt([]byte{1}, i*4096)
				if err := errors.Join(err, datasync(f)); err != nil {
					return err
				}
			}
			return nil
		})
	}))
	require.Greater(t, time.Since(began), time.Second*(writes-aSecond/10)/aSecond)
	require.NoError(t, f.Close())
}

func TestADirectoryInMemoryIsOnNoDisk(t *testing.T) {
	_, err := diskNumber("/proc")
	require.ErrorIs(t, err, errUnsupported)
	d := openDisk("/proc")
	require.Nil(t, d.group)
	require.ErrorIs(t, d.why, errUnsupported)
	require.ErrorIs(t, openDisk("/does/not/exist").why, os.ErrNotExist)
}

func TestIOMax(t *testing.T) {
	require.Equal(t, "8:0 wbps=60000000 wiops=max", ioMax("8:0", bandwidthLimit))
	require.Equal(t, "8:0 wbps=max wiops=3000", ioMax("8:0", writesLimit))
	require.Equal(t, "8:0 wbps=max wiops=max", ioMax("8:0", limit{}))
}

// The tree is one of plain files, which the code takes for the kernel's.
func TestTheGroupIsMadeWhereTheControllerIs(t *testing.T) {
	root := t.TempDir()
	home := filepath.Join(root, "user", "session")
	require.NoError(t, os.MkdirAll(home, 0o700))
	write := func(dir, name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	h := hierarchy{v2: true, root: root, home: home}
	_, _, err := h.parent()
	require.ErrorContains(t, err, "io")

	write(root, "cgroup.controllers", "cpu io memory\n")
	_, _, err = h.parent()
	require.ErrorIs(t, err, os.ErrNotExist, "it cannot be switched on")

	write(root, "cgroup.subtree_control", "cpu\n")
	dir, enabled, err := h.parent()
	require.NoError(t, err)
	require.Equal(t, root, dir)
	require.True(t, enabled)
	g := cgroup{hierarchy: h, dir: filepath.Join(root, "own"), enabled: enabled}
	require.NoError(t, os.Mkdir(g.dir, 0o700))
	require.NoError(t, g.remove())
	require.NoDirExists(t, g.dir)
	require.Equal(t, "-io", contents(filepath.Join(root, "cgroup.subtree_control")))

	write(filepath.Dir(home), "cgroup.subtree_control", "cpu io\n")
	dir, enabled, err = h.parent()
	require.NoError(t, err)
	require.Equal(t, filepath.Dir(home), dir)
	require.False(t, enabled, "it is on, and stays on")
}

func TestABusyCgroupIsRemovedWhenItIsNot(t *testing.T) {
	calls := 0
	require.NoError(t, retry(func() error {
		if calls++; calls < 3 {
			return &os.PathError{Op: "remove", Err: unix.EBUSY}
		}
		return nil
	}))
	require.Equal(t, 3, calls)
	require.ErrorIs(t, retry(func() error { calls++; return unix.EPERM }), unix.EPERM)
	require.Equal(t, 4, calls)
}

// A tree that has no files of the kernel's is left as it was.
func TestACgroupThatDoesNotWorkIsRemoved(t *testing.T) {
	root := t.TempDir()
	h := hierarchy{root: root, home: root}
	_, err := h.newCgroup("8:0")
	require.ErrorIs(t, err, os.ErrNotExist)
	left, err := os.ReadDir(root)
	require.NoError(t, err)
	require.Empty(t, left)
}
