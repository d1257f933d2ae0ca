package killer_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/killer"
)

func needsSignals(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a system with SIGKILL and inherited pipes")
	}
}

func TestProcess_ReportsUntilItIsKilled(t *testing.T) {
	op := killer.Op{ID: 7, Kind: killer.Entries, Index: 1, N: 2, State: true}
	killer.BeChild(func(l killer.Life, reports io.Writer) error {
		if _, err := fmt.Fprint(reports, op.Begun(), op.Acked(), killer.Ready); err != nil {
			return err
		}
		for {
			time.Sleep(time.Hour)
		}
	})
	needsSignals(t)
	p, err := killer.Start(t.Context(), t.Name(), killer.Life{Dir: "dir", Round: 1, Seed: 2})
	require.NoError(t, err)
	r, err := p.KillAfter(false, 0)
	require.NoError(t, err)
	require.NoError(t, p.Wait())
	require.True(t, r.Ready)
	require.Equal(t, []killer.Op{op}, r.Ops)
	require.Equal(t, 1, r.Acks())
}

func TestProcess_OneThatFailsWasNotKilled(t *testing.T) {
	killer.BeChild(func(l killer.Life, _ io.Writer) error {
		return fmt.Errorf("life %d failed", l.Round)
	})
	needsSignals(t)
	p, err := killer.Start(t.Context(), t.Name(), killer.Life{Dir: "dir", Round: 3})
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, p.Reports())
	require.NoError(t, err)
	require.ErrorContains(t, p.Wait(), "life 3 failed")
}

func TestProcess_EndsWithItsContext(t *testing.T) {
	killer.BeChild(func(killer.Life, io.Writer) error {
		for {
			time.Sleep(time.Hour)
		}
	})
	needsSignals(t)
	ctx, cancel := context.WithCancel(t.Context())
	p, err := killer.Start(ctx, t.Name(), killer.Life{Dir: "dir"})
	require.NoError(t, err)
	cancel()
	require.NoError(t, p.Wait())
}

func TestLife_IsReadBack(t *testing.T) {
	l := killer.Life{Dir: "/some/where", Round: 3, Seed: 1 << 63}
	got, err := killer.ParseLife(l.String())
	require.NoError(t, err)
	require.Equal(t, l, got)
}

// reported returns the report of calls. The ones in acked were acknowledged, in this order, at the
// end.
func reported(t *testing.T, ops []killer.Op, acked ...int) *killer.Report {
	var lines []string
	for _, o := range ops {
		lines = append(lines, o.Begun())
	}
	for _, i := range acked {
		lines = append(lines, ops[i].Acked())
	}
	r := &killer.Report{}
	require.NoError(t, r.Parse(slices.Values(lines)))
	return r
}

// held is a log with the entries of calls, each of two, one behind the other.
func held(state uint64, calls ...uint64) *killer.Model {
	m := &killer.Model{Entries: map[uint64]string{}, State: state}
	for _, id := range calls {
		for pos := range 2 {
			m.Last++
			m.Entries[m.Last] = killer.Data(id, pos, 2)
		}
	}
	return m
}

func TestReport_AgreesWithWhatIsPossibleOnly(t *testing.T) {
	ops := []killer.Op{
		{ID: 1, Kind: killer.Entries, Index: 1, N: 2},
		{ID: 2, Kind: killer.Entries, Index: 3, N: 2, State: true},
		{ID: 3, Kind: killer.Entries, Index: 5, N: 2},
	}
	half := held(2, 1, 2, 3)
	delete(half.Entries, half.Last)
	half.Last--
	other := held(2, 1, 2)
	other.Entries[3] += "x"
	for _, c := range []struct {
		name  string
		found *killer.Model
		acked []int
		want  string // "": it agrees
	}{
		{"nothing was acknowledged, nothing is there", held(0), nil, ""},
		{"nothing was acknowledged, all is there", held(2, 1, 2, 3), nil, ""},
		{"what was acknowledged is there", held(2, 1, 2), []int{0, 1}, ""},
		{"what was acknowledged is not there", held(0, 1), []int{0, 1}, "last index 2"},
		{"half a save", half, nil, "last index 5"},
		{"other data", other, []int{0, 1}, "entry 3 is"},
		{"a state without its entries", held(2, 1), nil, "without the entries"},
		{"entries without their state", held(0, 1, 2), nil, "state 0 from before, not 2"},
		{"a state that was never saved", held(9, 1, 2), nil, "state 9 was never saved"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := &killer.Model{}
			err := reported(t, ops, c.acked...).Agrees(before, c.found, 1)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestReport_ALineWithoutItsEndWasNeverWritten(t *testing.T) {
	op := killer.Op{ID: 1, Kind: killer.Entries, Index: 1, N: 1}
	r := &killer.Report{}
	begun := op.Begun()
	require.NoError(t, r.Parse(slices.Values([]string{begun, op.Acked()[:2]})))
	require.Equal(t, []killer.Op{op}, r.Ops)
	require.Zero(t, r.Acks())
	require.Error(t, r.Parse(slices.Values([]string{"something else\n"})))
}
