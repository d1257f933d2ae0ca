package wal

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
)

// The power is cut at every change of a Repair that cuts at a corruption: it can be run again, ends
// with the same log, and what it cuts off is in some .broken file all the same.
func TestCrash_DuringRepairOfACorruption(t *testing.T) {
	plan := newCrashPlan(t, 4)
	images := 0
	for _, c := range damageCases() {
		rl := newRepairLog(t, true)
		damaged := rl.im.clone()
		c.do(rl, damaged)
		want := c.want(rl)
		m := newMemFS(damaged.clone())
		rec := m.Record()
		_, err := Repair(nil, memDir, withFS(m), WithTruncateCorruption())
		require.NoError(t, err)
		rnd := plan.Random(c.name)
		media := rec.Media()
		for more := true; more; more = media.Advance() {
			try := func(im crashfs.Image) bool {
				images++
				what := fmt.Sprintf("%s, a power cut after %d changes\n%s", c.name, media.At(), rec)
				_, after, err := repaired(im.Dir(memDir), WithTruncateCorruption())
				require.NoError(t, err, what)
				got, err := readContent(after)
				require.NoError(t, err, what)
				require.Equal(t, want.content, got, what)
				requireSomewhere(t, damaged, after, want, what)
				return true
			}
			if media.Images() <= plan.All {
				media.Each(try)
				continue
			}
			for range plan.Each {
				try(media.Sample(rnd))
			}
		}
	}
	t.Log("crash images repaired:", images)
}
