package wal

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/killer"
	"github.com/seed449c39bc/wal/walpb"
)

// A real process on a real disk: a child uses a log with everything there is and
// reports each call over a pipe, is killed at a random moment, and the log is opened and
// compared with the reports. Then the next child goes on with it.

const (
	killRoundsEnv = "WAL_TEST_KILL_ROUNDS" // how many children are killed; make crash kills hundreds

	killRounds   = 15
	killPerLog   = 25 // after so many rounds the next log begins
	killPatience = 30 * time.Second
)

func TestKilledProcess_LosesNothingAcknowledged(t *testing.T) {
	killer.BeChild(liveAndDie)
	if runtime.GOOS == "windows" {
		t.Skip("needs a system with SIGKILL and inherited pipes")
	}
	rounds, seed := killRounds, newSeed(t)
	if s := os.Getenv(killRoundsEnv); s != "" {
		var err error
		rounds, err = strconv.Atoi(s)
		require.NoError(t, err, killRoundsEnv)
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	acked, begun := 0, 0
	var k *killLog
	for i := range rounds {
		if i%killPerLog == 0 {
			k = &killLog{Life: killer.Life{Dir: filepath.Join(t.TempDir(), "log")},
				model: killer.Model{Entries: map[uint64]string{}}}
		}
		k.Round, k.Seed = uint64(i+1), rng.Uint64()
		r := k.run(t, rng)
		k.check(t, r)
		acked, begun = acked+r.Acks(), begun+len(r.Ops)
	}
	t.Logf("%d kills, %d calls, %d of them acknowledged, none lost", rounds, begun, acked)
	require.Greater(t, acked, rounds, "the children hardly came to save anything")
}

// liveAndDie is what the tests that kill processes do in the child.
func liveAndDie(l killer.Life, reports io.Writer) error {
	return (&killChild{Life: l, reports: reports}).live()
}

// killLog is a log through the deaths of its processes.
type killLog struct {
	killer.Life
	made  bool         // it was opened once
	model killer.Model // what it held after the last death
}

// run has a child live and kills it, soon after its start or after it has opened the log.
func (k *killLog) run(t *testing.T, rng *rand.Rand) *killer.Report {
	ctx, cancel := context.WithTimeout(t.Context(), killPatience)
	defer cancel()
	child, err := killer.Start(ctx, t.Name(), k.Life)
	require.NoError(t, err)
	early, after := rng.IntN(6) == 0, time.Duration(rng.Int64N(int64(80*time.Millisecond)))
	if early {
		after /= 2
	}
	r, err := child.KillAfter(early, after)
	require.NoError(t, err)
	err = child.Wait()
	require.NoError(t, ctx.Err(), "round %d: the child hangs: %v", k.Round, err)
	require.NoError(t, err, "round %d", k.Round)
	return r
}

// check opens the log and compares it with the reports.
func (k *killLog) check(t *testing.T, r *killer.Report) {
	k.made = k.made || r.Ready
	if !k.made && !Exist(k.Dir) {
		return
	}
	k.made = true
	read, err := OpenForRead(nil, k.Dir, nil)
	require.NoError(t, err, "round %d", k.Round)
	seen, first := heldBy(t, &read.view)
	w, err := Open(nil, k.Dir, nil)
	require.NoError(t, err, "round %d", k.Round)
	defer w.Close()
	found, start := heldBy(t, &w.view)
	require.Equal(t, seen, found, "round %d: without healing", k.Round)
	require.Equal(t, first, start)
	require.LessOrEqual(t, start, found.Snap+1, "round %d: more is purged than the snapshot covers",
		k.Round)
	require.NoError(t, r.Agrees(&k.model, found, start), "round %d", k.Round)
	k.model = *found
}

// heldBy is what a log holds, and the lowest index of it.
func heldBy(t *testing.T, v *view) (m *killer.Model, first uint64) {
	metadata, st, ents, err := v.ReadAll()
	require.NoError(t, err)
	require.Equal(t, "kill", string(metadata))
	m = &killer.Model{Entries: map[uint64]string{}, Last: v.LastIndex(), Snap: v.Snapshot().GetIndex(),
		State: st.(*walpb.HardState).Term}
	if m.State > 0 {
		require.Equal(t, killer.State(m.State), st, "a state is whole")
	}
	for _, e := range ents {
		m.Entries[e.GetIndex()] = string(e.(*walpb.Entry).Data)
	}
	return m, v.FirstIndex()
}
