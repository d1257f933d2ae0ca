package simulate

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// number returns what a variable of the environment says.
func number(t *testing.T, variable string, otherwise uint64) uint64 {
	v := os.Getenv(variable)
	if v == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(v, 10, 64)
	require.NoError(t, err, variable)
	return n
}

// fail says how to live a life again, and how it ended.
func fail(t *testing.T, r Report, err error) {
	t.Helper()
	t.Fatalf("%v\nWAL_TEST_SEED repeats it. The last steps:\n%s", err, strings.Join(r.Last, "\n"))
}

// rare are lives in which something seldom happens: a node receives a snapshot that its longer log
// does not agree with, dies, and must not find the rest of that log again.
var rare = []uint64{226}

// WAL_TEST_SEEDS says how many lives there are in each mode, and WAL_TEST_SEED which is the first.
func TestCluster_KeepsWhatRaftPromises(t *testing.T) {
	first, count := number(t, "WAL_TEST_SEED", 1), number(t, "WAL_TEST_SEEDS", 50)
	for _, async := range []bool{false, true} {
		t.Run(fmt.Sprint("async ", async), func(t *testing.T) {
			var all Report
			seeds := slices.Clone(rare)
			for seed := first; seed < first+count; seed++ {
				seeds = append(seeds, seed)
			}
			for _, seed := range seeds {
				r, err := Run(Options{Seed: seed, Async: async})
				if err != nil {
					fail(t, r, err)
				}
				all.Applied += r.Applied
				all.Crashes += r.Crashes
				all.Received += r.Received
				all.Inside += r.Inside
				all.Gone += r.Gone
				all.Steps += r.Steps
			}
			t.Logf("%d lives: %d entries, %d steps, %d crashes, %d snapshots received, %d of them "+
				"by a longer log, %d disks rotted", len(seeds), all.Applied, all.Steps, all.Crashes,
				all.Received, all.Inside, all.Gone)
		})
	}
}

func TestRun_TheSameSeedIsTheSameLife(t *testing.T) {
	for seed := range number(t, "WAL_TEST_SEEDS", 10) {
		for _, async := range []bool{false, true} {
			o := Options{Seed: seed, Async: async}
			one, err := Run(o)
			require.NoError(t, err)
			other, err := Run(o)
			require.NoError(t, err)
			require.Equal(t, one, other, "seed %d, async %t", seed, async)
		}
	}
}

// Each mistake of a program around the Storage is found in a few lives.
func TestRun_FindsMistakes(t *testing.T) {
	for name, o := range map[string]Options{
		"messages are sent before the save":       {Wrong: SendBeforeSave},
		"votes are not saved":                     {Wrong: ForgetVotes},
		"responses come before a save is durable": {Wrong: DeliverBeforeDurable, Async: true},
	} {
		t.Run(name, func(t *testing.T) {
			for o.Seed = 1; o.Seed <= 200; o.Seed++ {
				if _, err := Run(o); err != nil {
					t.Logf("%.100v", err)
					return
				}
			}
			require.Fail(t, "it goes unnoticed")
		})
	}
}
