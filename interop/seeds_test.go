package interop

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/seed449c39bc/wal"
)

// seeds is how many generated logs each test checks.
const seeds = 30

// forSeeds runs a test for each generated log, some at a time, and waits for all. The name of each
// gives its seed.
func forSeeds(t *testing.T, test func(t *testing.T, seed uint64)) {
	t.Helper()
	t.Run("generated", func(t *testing.T) {
		for seed := range uint64(seeds) {
			t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
				t.Parallel()
				test(t, seed)
			})
		}
	})
}

// forFormats runs a test for each generated log and each of the formats in which our segments can
// be written.
func forFormats(
	t *testing.T, test func(t *testing.T, seed uint64, trailered bool, opts ...wal.Option),
) {
	t.Helper()
	t.Run("trailered", func(t *testing.T) {
		forSeeds(t, func(t *testing.T, seed uint64) { test(t, seed, true) })
	})
	t.Run("etcd", func(t *testing.T) {
		forSeeds(t, func(t *testing.T, seed uint64) { test(t, seed, false, wal.WithEtcdFormat()) })
	})
}

// newDir returns the path of a directory that does not exist yet, as etcd requires.
func newDir(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "wal")
}
