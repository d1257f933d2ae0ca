package wal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/walpb"
)

// A real process on a real disk: a child uses a log with everything there is and
// reports each call over a pipe, is killed at a random moment, and the log is opened and
// compared with the reports. Then the next child goes on with it.

const (
	killRoundsEnv = "WAL_TEST_KILL_ROUNDS" // how many children are killed; make crash kills hundreds
	killChildEnv  = "WAL_TEST_KILL_CHILD"  // set for the child: its killLife

	killRounds   = 15
	killPerLog   = 25 // after so many rounds the next log begins
	killPatience = 30 * time.Second
)

func TestKilledProcess_LosesNothingAcknowledged(t *testing.T) {
	if s := os.Getenv(killChildEnv); s != "" {
		killedChild(s)
	}
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
			k = &killLog{killLife: killLife{dir: filepath.Join(t.TempDir(), "log")}, model: killModel{ents: map[uint64]string{}}}
		}
		k.round, k.seed = uint64(i+1), rng.Uint64()
		r := k.run(t, rng)
		k.check(t, r)
		acked, begun = acked+r.acks(), begun+len(r.ops)
	}
	t.Logf("%d kills, %d calls, %d of them acknowledged, none lost", rounds, begun, acked)
	require.Greater(t, acked, rounds, "the children hardly came to save anything")
}

// killedChild is what the test is in the child. It does not return.
func killedChild(life string) {
	l, err := parseKillLife(life)
	if err == nil {
		c := &killChild{killLife: l, reports: os.NewFile(3, "reports")}
		err = c.live()
	}
	os.Stderr.WriteString(err.Error() + "\n")
	os.Exit(3)
}

// killLog is a log through the deaths of its processes.
type killLog struct {
	killLife
	made  bool      // it was opened once
	model killModel // what it held after the last death
}

// run has a child live and kills it, soon after its start or after it has opened the log.
func (k *killLog) run(t *testing.T, rng *rand.Rand) *killReport {
	in, out, err := os.Pipe()
	require.NoError(t, err)
	defer in.Close()
	ctx, cancel := context.WithTimeout(t.Context(), killPatience) // kills it with SIGKILL, too
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), killChildEnv+"="+k.String())
	cmd.ExtraFiles = []*os.File{out}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	require.NoError(t, out.Close())
	kill := func() { cmd.Process.Kill() }
	early, after := rng.IntN(6) == 0, time.Duration(rng.Int64N(int64(80*time.Millisecond)))
	if early {
		time.AfterFunc(after/2, kill)
	}
	r := &killReport{}
	lines := bufio.NewReader(in)
	err = r.parse(func(yield func(string) bool) {
		for waiting := !early; ; {
			line, err := lines.ReadString('\n')
			if waiting && line == killReady {
				waiting = false
				time.AfterFunc(after, kill)
			}
			if line != "" && !yield(line) || err != nil {
				return
			}
		}
	})
	require.NoError(t, err)
	err = cmd.Wait()
	require.NoError(t, ctx.Err(), "round %d: the child hangs: %s", k.round, stderr.String())
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit), "round %d: %v", k.round, err)
	status, ok := exit.Sys().(syscall.WaitStatus)
	require.True(t, ok && status.Signaled(), "round %d: the child failed: %v %s", k.round, err, stderr.String())
	return r
}

// check opens the log and compares it with the reports.
func (k *killLog) check(t *testing.T, r *killReport) {
	k.made = k.made || r.ready
	if !k.made && !Exist(k.dir) {
		return
	}
	k.made = true
	read, err := OpenForRead(nil, k.dir, nil)
	require.NoError(t, err, "round %d", k.round)
	seen, first := heldBy(t, &read.view)
	w, err := Open(nil, k.dir, nil)
	require.NoError(t, err, "round %d", k.round)
	defer w.Close()
	found, start := heldBy(t, &w.view)
	require.Equal(t, seen, found, "round %d: without healing", k.round)
	require.Equal(t, first, start)
	require.LessOrEqual(t, start, found.snap+1, "round %d: more is purged than the snapshot covers", k.round)
	require.NoError(t, r.agrees(&k.model, found, start), "round %d", k.round)
	k.model = *found
}

// heldBy is what a log holds, and the lowest index of it.
func heldBy(t *testing.T, v *view) (m *killModel, first uint64) {
	metadata, st, ents, err := v.ReadAll()
	require.NoError(t, err)
	require.Equal(t, "kill", string(metadata))
	m = &killModel{ents: map[uint64]string{}, last: v.LastIndex(), snap: v.Snapshot().GetIndex(), state: st.(*walpb.HardState).Term}
	if m.state > 0 {
		require.Equal(t, killState(m.state), st, "a state is whole")
	}
	for _, e := range ents {
		m.ents[e.GetIndex()] = string(e.(*walpb.Entry).Data)
	}
	return m, v.FirstIndex()
}
