package wal

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/crashfs"
	"github.com/seed449c39bc/wal/internal/faultfs"
	"github.com/seed449c39bc/wal/walpb"
)

// A write is cut off after any number of bytes, and the process dies. So does the one that heals
// the log, in any of its writes. The log opens all the same, with all that was acknowledged.
func TestTorn_AHealingThatIsCutOffCanBeHealed(t *testing.T) {
	for saved := 1; saved < 40; saved++ {
		for healed := range 24 {
			for nth := range 5 {
				healCutOff(t, saved, healed, nth)
			}
		}
	}
}

// healCutOff has a save cut off after saved bytes, and the nth write of its healing after healed.
func healCutOff(t *testing.T, saved, healed, nth int) {
	state := func(term uint64) *walpb.HardState { return &walpb.HardState{Term: term, Vote: 1} }
	disk := crashfs.New(crashfs.Image{})
	opts := []Option{withFS(disk), WithSegmentSize(8 << 10)}
	w, err := Create(nil, crashDir, nil, opts...)
	require.NoError(t, err)
	require.NoError(t, w.SaveState(state(1)))
	require.NoError(t, w.SaveState(state(2)))
	cutWrite(disk, 0, saved)
	require.Error(t, w.SaveState(state(9)))
	w.Abandon()
	disk.Kill()
	cutWrite(disk, nth, healed)
	if w, err = Open(nil, crashDir, nil, opts...); err == nil {
		w.Abandon()
	}
	disk.Kill()
	disk.Inject(nil)
	w, err = Open(nil, crashDir, nil, opts...)
	require.NoError(t, err, "cut after %d and %d bytes, at write %d", saved, healed, nth)
	require.Contains(t, []uint64{2, 9}, w.State().(*walpb.HardState).Term)
	w.Abandon()
}

// cutWrite has a write, counted from 0, fail after n bytes.
func cutWrite(disk *crashfs.Disk, nth, n int) {
	disk.Inject(func(c faultfs.Call) *crashfs.Fault {
		if c.Kind != faultfs.Write {
			return nil
		}
		if nth--; nth != -1 {
			return nil
		}
		return &crashfs.Fault{Err: errors.New("cut off"), Partial: min(n, c.N)}
	})
}
