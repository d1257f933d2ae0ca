package interop

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/walpb"
)

func TestEachImplementationIsLockedOutByTheOther(t *testing.T) {
	dir := newDir(t)
	theirs := createEtcd(t, dir, nil)
	_, err := wal.Open(nil, dir, nil)
	require.ErrorIs(t, err, wal.ErrLocked)
	require.NoError(t, theirs.close())

	ours := openOurs(t, dir, nil)
	_, err = etcdwal.Open(nil, dir, toEtcdSnapshot(&walpb.Snapshot{}))
	require.ErrorIs(t, err, fileutil.ErrLocked)
	require.NoError(t, ours.close())
}

// isLocked reports whether the lock of a file is taken.
func isLocked(t *testing.T, path string) bool {
	t.Helper()
	f, err := fileutil.TryLockFile(path, os.O_RDWR, fileutil.PrivateFileMode)
	if err == nil {
		require.NoError(t, f.Close())
		return false
	}
	require.ErrorIs(t, err, fileutil.ErrLocked)
	return true
}
