package wal

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/walpb"
)

// damagedBeside is the life of a log with small saves, one after the other, and damage to one of
// them. It returns the damage's place.
func damagedBeside(t *testing.T) (life *crashLife, opts []Option, damage place) {
	wl := crashWorkload{name: "small saves", size: 16 << 10, run: func(r *crashRun) {
		r.create()
		for range 120 {
			r.save(nil, &walpb.Entry{Term: 1, Index: r.life.newest().last() + 1, Data: make([]byte, 60)})
		}
	}}
	r := newCrashRun(t, wl, PreallocateReserve, rand.New(rand.NewPCG(1, 1)))
	wl.run(r)
	n := 0
	for rec, err := range Records(crashDir, r.options()...) {
		require.NoError(t, err)
		if n++; n == 20 {
			damage.off = rec.Offset
		}
	}
	return r.life, r.opts, damage
}

// Damage does not move: it is reported after three readings of the end, whatever the writer does behind it.
func TestDamageIsReportedBesideAWriter(t *testing.T) {
	life, opts, damage := damagedBeside(t)
	half := life.rec.Len() / 2
	for name, read := range readers {
		t.Run(name, func(t *testing.T) {
			calls := func(pace int) map[crashfs.Kind]int {
				moving, counts := false, map[crashfs.Kind]int{}
				disk := life.rec.Replay(rand.New(rand.NewPCG(2, 2)), func(_ *crashfs.Replay, c crashfs.Call) int {
					if !moving {
						return 0
					}
					counts[c.Kind]++
					return pace
				})
				disk.Skip(half)
				d, err := disk.OpenDir(crashDir)
				require.NoError(t, err)
				f, err := d.OpenLocked(segmentName{}.String())
				require.NoError(t, err)
				_, err = f.WriteAt([]byte{0x55, 0x55, 0x55}, damage.off+30)
				require.NoError(t, err)
				moving = true
				_, err = read(crashDir, append(opts[:len(opts):len(opts)], withFS(disk))...)
				var c *CorruptionError
				require.True(t, errors.As(err, &c), "%v", err)
				require.Equal(t, damage.off, c.Offset)
				require.Less(t, disk.At(), life.rec.Len(), "the writer was done before")
				return counts
			}
			still, beside := calls(0), calls(1)
			require.Equal(t, still[crashfs.List], beside[crashfs.List])
			require.LessOrEqual(t, beside[crashfs.Size], still[crashfs.Size])
			require.LessOrEqual(t, beside[crashfs.Read], still[crashfs.Read]+3, "%v, %v on a log that stands still", beside, still)
			require.LessOrEqual(t, beside[crashfs.Size], 6, "one for each of three readings, and what is at stake")
		})
	}
}
