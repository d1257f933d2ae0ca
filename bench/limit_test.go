package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEachLimitHasWorkloadsOfTheSameSaves(t *testing.T) {
	all := workloads()
	for _, name := range []string{"save-1k", "save-8k", "save-64k", "save-64x1k", "parallel"} {
		plain := all[slices.IndexFunc(all, func(w workload) bool { return w.name == name })]
		for suffix, l := range map[string]limit{"-60mbs": bandwidthLimit, "-3000iops": writesLimit} {
			i := slices.IndexFunc(all, func(w workload) bool { return w.name == name+suffix })
			require.NotEqual(t, -1, i, name+suffix)
			require.Equal(t, l, all[i].limit)
			require.Equal(t, plain.config, all[i].config)
			require.Equal(t, plain.who, all[i].who)
		}
	}
	require.Equal(t, "60 MB/s", bandwidthLimit.words())
	require.Equal(t, "3,000 writes/s", writesLimit.words())
}

func TestFilterLimits(t *testing.T) {
	all := workloads()
	only, err := filterLimits(all, limitsOnly)
	require.NoError(t, err)
	require.Len(t, only, 10)
	none, err := filterLimits(all, limitsNone)
	require.NoError(t, err)
	require.Len(t, none, len(all)-10)
	both, err := filterLimits(all, limitsAuto)
	require.NoError(t, err)
	require.Len(t, both, len(all))
	_, err = filterLimits(all, "some")
	require.ErrorContains(t, err, "some")
}

func TestTheCommandRepeatsTheRun(t *testing.T) {
	require.Equal(t, "make bench ROUNDS=5 SCALE=1", command(5, 1, limitsAuto, ""))
	require.Equal(t, "make bench ROUNDS=2 SCALE=0.2 LIMITS=only ONLY=save-1k-60mbs",
		command(2, 0.2, limitsOnly, "save-1k-60mbs"))
}
