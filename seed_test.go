package wal

import (
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// seedVariable gives the tests that draw at random their seed: a number, to replay what a failure
// printed, or "random" for a new one, as the long runs have. Without it a test draws the
// same in each run, and another draws otherwise.
const seedVariable = "WAL_TEST_SEED"

// newSeed returns the seed of a test, and prints it.
func newSeed(t testing.TB) (seed uint64) {
	t.Helper()
	switch v := os.Getenv(seedVariable); v {
	case "":
		h := fnv.New64a()
		h.Write([]byte(t.Name()))
		seed = h.Sum64()
	case "random":
		seed = rand.Uint64()
	default:
		var err error
		seed, err = strconv.ParseUint(v, 10, 64)
		require.NoError(t, err, seedVariable)
	}
	t.Logf("%s=%d", seedVariable, seed)
	return seed
}
