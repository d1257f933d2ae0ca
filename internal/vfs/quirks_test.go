//go:build unix

package vfs

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnInterruptedCallIsMadeAgain(t *testing.T) {
	for _, want := range []error{nil, syscall.EIO} {
		calls := 0
		err := retried(func() error {
			if calls++; calls < 4 {
				return &os.SyscallError{Syscall: "fdatasync", Err: syscall.EINTR}
			}
			return want
		})
		require.Equal(t, want, err)
		require.Equal(t, 4, calls)
	}
}

// A pipe cannot be synced, as some directories cannot.
func TestADirectoryThatCannotBeSyncedIsNoError(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer w.Close()
	var l lacks
	require.NoError(t, syncDir(r, &l))
	require.Equal(t, LackSyncDir, l.Lacks())
	require.NoError(t, r.Close())
	require.ErrorIs(t, syncDir(r, &l), os.ErrClosed)
}

func TestWhichErrorsAreShortagesAndWhichMeanThatThereIsNoAllocation(t *testing.T) {
	for _, err := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE} {
		wrapped := fmt.Errorf("at: %w", &os.PathError{Op: "write", Path: "f", Err: err})
		require.True(t, IsShortage(wrapped), err)
		require.True(t, isOneOf(wrapped, unreservable), err)
	}
	for _, err := range []error{syscall.EIO, syscall.EFBIG, syscall.EROFS} {
		require.False(t, IsShortage(err), err)
		require.True(t, isOneOf(err, unreservable), err)
	}
	for _, err := range []error{syscall.EINVAL, syscall.EPERM, syscall.EACCES, syscall.ENOSYS,
		syscall.ENODEV, syscall.ENOTSUP} {
		require.False(t, isOneOf(err, unreservable), err)
	}
	require.False(t, IsShortage(nil))
}
