package snap_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal"
	"github.com/seed449c39bc/wal/internal/access"
	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/faultfs"
)

// on keeps snapshots on a simulated disk.
func on(disk *crashfs.Disk) wal.Option { return access.WithFS(disk).(wal.Option) }

// content is a snapshot's data of several sectors, in the version v.
func content(v int) string { return fmt.Sprintf("%01500d", v) }

// The power is cut at every moment: a snapshot is there in whole or not at all, and one that was
// acknowledged is there.
func TestCreate_CrashAtEveryMoment(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 0))
	disk := crashfs.New(crashfs.Image{})
	record := disk.Record()
	d := open(t, "node/snap", on(disk))
	acked := map[int]int{} // from index to the change after which it was acknowledged
	gone := map[int]int{}  // and the one before which it was deleted
	for i := 1; i <= 6; i++ {
		require.NoError(t, d.Create(meta(uint64(i), 1), text(content(i))))
		acked[i] = record.Len()
		if i%3 == 0 {
			for j := 1; j < i; j++ {
				if _, before := gone[j]; !before {
					gone[j] = record.Len()
				}
			}
			require.NoError(t, d.Purge(uint64(i)))
		}
	}
	moments := 0
	for m := record.Media(); m.Advance(); moments++ {
		for range 10 {
			d := open(t, "node/snap", on(crashfs.New(m.Sample(rnd).Clone())))
			for i := 1; i <= 6; i++ {
				before, purged := gone[i]
				_, err := d.Verify(uint64(i), 1)
				if err == nil {
					require.Equal(t, content(i), data(t, d, uint64(i), 1))
					continue
				}
				require.ErrorIs(t, err, fs.ErrNotExist, "%d after change %d", i, m.At())
				require.True(t, m.At() < acked[i] || purged && m.At() >= before,
					"%d is gone after change %d", i, m.At())
			}
			require.NoError(t, d.Create(meta(9, 1), text("it goes on")))
		}
	}
	require.Greater(t, moments, 50)
}

// Has makes durable what it finds, also if the writer was killed before it synced the directory.
func TestHas_MakesDurableWhatAKilledProcessLeft(t *testing.T) {
	disk := crashfs.New(crashfs.Image{})
	record := disk.Record()
	d := open(t, "node/snap", on(disk))
	bad := errors.New("killed")
	disk.Inject(func(c faultfs.Call) *crashfs.Fault {
		if c.Kind == faultfs.SyncDir {
			return &crashfs.Fault{Err: bad}
		}
		return nil
	})
	require.ErrorIs(t, d.Create(meta(1, 1), text("one")), bad)
	require.ErrorIs(t, d.Has(1, 1), bad)
	disk.Inject(nil)
	disk.Kill()
	d = open(t, "node/snap", on(disk))
	require.NoError(t, d.Has(1, 1))
	m := record.Media()
	for m.Advance() {
	}
	rnd := rand.New(rand.NewPCG(1, 0))
	for range 50 {
		d := open(t, "node/snap", on(crashfs.New(m.Sample(rnd).Clone())))
		require.NoError(t, d.Has(1, 1))
	}
}

// Any one call fails: what was there stays, and there is the new one or none.
func TestCreate_AnyOneFailingCallHarmsNothing(t *testing.T) {
	bad := errors.New("bad")
	life := func(failing int) (calls int, err error) {
		disk := crashfs.New(crashfs.Image{})
		d := open(t, "node/snap", on(disk))
		require.NoError(t, d.Create(meta(1, 1), text(content(1))))
		opened := disk.Opened()
		disk.Inject(func(faultfs.Call) *crashfs.Fault {
			if calls++; calls == failing {
				return &crashfs.Fault{Err: bad}
			}
			return nil
		})
		err = d.Create(meta(2, 1), text(content(2)))
		disk.Inject(nil)
		require.Equal(t, content(1), data(t, d, 1, 1))
		require.Equal(t, opened, disk.Opened())
		if err != nil {
			require.ErrorIs(t, err, bad)
			if _, err := d.Verify(2, 1); err != nil {
				require.ErrorIs(t, err, fs.ErrNotExist)
			}
		} else {
			require.Equal(t, content(2), data(t, d, 2, 1))
		}
		require.NoError(t, d.Create(meta(2, 1), text(content(2))))
		require.NoError(t, d.Has(2, 1))
		return calls, err
	}
	all, err := life(0)
	require.NoError(t, err)
	failed := 0
	for i := range all {
		if _, err := life(i + 1); err != nil {
			failed++
		}
	}
	t.Logf("%d calls, of which %d make it fail", all, failed)
	require.Greater(t, failed, 4)
}
