package wal

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/internal/vfs"
	"github.com/seed449c39bc/wal/walpb"
)

// smallSaves is the life of a log with small saves, one after the other.
func smallSaves(t *testing.T, segment int64) *crashRun {
	wl := crashWorkload{name: "small saves", size: segment, run: func(r *crashRun) {
		r.create()
		for range 120 {
			r.save(nil, &walpb.Entry{Term: 1, Index: r.life.Newest().Last() + 1, Data: make([]byte, 60)})
		}
	}}
	r := newCrashRun(t, wl, PreallocateReserve, rand.New(rand.NewPCG(1, 1)))
	wl.run(r)
	return r
}

// overwriteAt damages a record in the segment with a number.
func overwriteAt(t *testing.T, d vfs.Dir, names []segmentName, seq int, off int64) {
	f, err := d.OpenLocked(names[seq].String())
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{0x55, 0x55, 0x55}, off+30)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// damagesBeside are made to a log after the first half of its life.
var damagesBeside = []struct {
	name    string
	segment int64
	damage  func(t *testing.T, d vfs.Dir, names []segmentName)
	where   int // which of the segments is named
}{
	{"in the last segment", 16 << 10, func(t *testing.T, d vfs.Dir, names []segmentName) {
		overwriteAt(t, d, names, 0, 1000)
	}, 0},
	{"in the head of the last segment", 1 << 10, func(t *testing.T, d vfs.Dir, names []segmentName) {
		overwriteAt(t, d, names, len(names)-1, 0)
	}, -1},
	{"in an earlier segment", 1 << 10, func(t *testing.T, d vfs.Dir, names []segmentName) {
		overwriteAt(t, d, names, 1, 200)
	}, 1},
	{"a segment is missing", 1 << 10, func(t *testing.T, d vfs.Dir, names []segmentName) {
		require.NoError(t, d.Remove(names[1].String()))
	}, 2},
}

// Damage does not move: it is reported after three readings of the end, whatever the writer does
// behind it.
func TestBeside_DamageIsReported(t *testing.T) {
	for _, damaged := range damagesBeside {
		r := smallSaves(t, damaged.segment)
		half := r.life.Record.Len() / 2
		for name, read := range readers {
			calls := func(t *testing.T, pace int) (found *CorruptionError, counts map[faultfs.Kind]int) {
				moving := false
				counts = map[faultfs.Kind]int{}
				disk := r.life.Record.Replay(r.rnd, func(_ *crashfs.Replay, c faultfs.Call) int {
					if !moving {
						return 0
					}
					if c.Name != "" { // not a piece of a read
						counts[c.Kind]++
					}
					return pace
				})
				disk.Skip(half)
				d, err := disk.OpenDir(crashDir)
				require.NoError(t, err)
				names, err := listSegments(d)
				require.NoError(t, err)
				damaged.damage(t, d, names)
				moving = true
				_, err = read(crashDir, append(r.opts[:len(r.opts):len(r.opts)], withFS(disk))...)
				require.True(t, errors.As(err, &found), "%v", err)
				require.Equal(t, names[(damaged.where+len(names))%len(names)].String(), found.Segment)
				if len(names) == 1 {
					require.Less(t, disk.At(), r.life.Record.Len(), "the writer was done before")
				}
				return found, counts
			}
			t.Run(damaged.name+"/"+name, func(t *testing.T) {
				atRest, still := calls(t, 0)
				found, beside := calls(t, 1)
				require.Equal(t, atRest.Offset, found.Offset)
				if damaged.where != 0 {
					return // how many segments are read ahead of the damage depends on the schedule
				}
				require.Equal(t, still[faultfs.List], beside[faultfs.List])
				require.LessOrEqual(t, beside[faultfs.Size], 6, "three readings, and what is at stake")
				require.LessOrEqual(t, beside[faultfs.Read], still[faultfs.Read]+3)
			})
		}
	}
}

// A tolerant walk over a damaged log beside a writer tells of each damage once, and of nothing
// else.
func TestBeside_TolerantRecords(t *testing.T) {
	r := smallSaves(t, 16<<10)
	for from := r.life.Record.Len() / 3; from < r.life.Record.Len(); from++ {
		moving := false
		disk := r.life.Record.Replay(r.rnd, func(*crashfs.Replay, faultfs.Call) int {
			if moving {
				return 1
			}
			return 0
		})
		disk.Skip(from)
		d, err := disk.OpenDir(crashDir)
		require.NoError(t, err)
		overwriteAt(t, d, []segmentName{{}}, 0, 1000)
		overwriteAt(t, d, []segmentName{{}}, 0, 2000)
		moving = true
		var found []error
		records := 0
		for _, err := range Records(crashDir,
			append(slices.Clone(r.opts), withFS(disk), WithTolerant())...) {
			if records++; err != nil {
				found = append(found, err)
			}
		}
		require.Len(t, found, 2, "from change %d on", from)
		require.Greater(t, records, from/4)
	}
}
