package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal"
)

func TestDemoKillsItsChildAndAgrees(t *testing.T) {
	t.Setenv(asProgram, "1")
	p := newProgram(t)
	out := p.ok("demo")
	t.Log(out)
	require.Equal(t, demoRounds, strings.Count(out, "killed while saving"))
	require.Equal(t, demoRounds, strings.Count(out, "agree         yes"))
	require.NotContains(t, out, "DISAGREE")
	require.Contains(t, out, "by the child while it saved")
	require.Contains(t, out, "torn tail     healed")
	require.Contains(t, out, "they agree.\n")
	p.ok("log")
	require.Contains(t, p.fails(1, "demo"), "is not empty")
}

func TestDemoTellsWhenItsChildFails(t *testing.T) {
	t.Setenv(asProgram, "1")
	p := newProgram(t, "-segment-size", "1")
	msg := p.demoFails()
	require.Contains(t, msg, "round 1: the child ended by itself")
	require.Contains(t, msg, "segment size")
}

// demoFails runs a demo that prints its introduction and then fails.
func (p program) demoFails() string {
	p.t.Helper()
	code, _, stderr := p.run("demo")
	require.Equal(p.t, 1, code)
	return stderr
}

func TestATornTailIsHealedAndTold(t *testing.T) {
	p := newProgram(t)
	p.ok("put", "sky", "blue")
	done, err := tear(p.config())
	require.NoError(t, err)
	require.True(t, done)
	done, err = tear(p.config())
	require.NoError(t, err)
	require.False(t, done, "it is torn already")

	code, _, stderr := p.run("put", "grass", "green")
	require.Zero(t, code)
	require.Contains(t, stderr, "healed a torn tail")
	require.Equal(t, "grass\tgreen\nsky\tblue\n", p.ok("list"))
}

// The demo is only as good as its comparison, so every way to disagree is tried.
func TestCompareFindsEveryDisagreement(t *testing.T) {
	acknowledged := []string{saveName(2, 0, 0), saveName(2, 0, 1), saveName(2, 1, 0)}
	earlier := saveName(1, 3, 7)
	for name, c := range map[string]struct {
		change             func(pairs map[string]string)
		recovered, flights int
		problem            string
	}{
		"all there":     {func(map[string]string) {}, 3, 0, ""},
		"one in flight": {func(p map[string]string) { put(p, saveName(2, 1, 1)) }, 4, 1, ""},
		"one in flight each": {func(p map[string]string) {
			put(p, saveName(2, 0, 2))
			put(p, saveName(2, 3, 0))
		}, 5, 2, ""},
		"two in flight of one": {func(p map[string]string) {
			put(p, saveName(2, 1, 1))
			put(p, saveName(2, 1, 2))
		}, 5, 2, "r2/w1/00002 is there, and cannot"},
		"a later without the next": {func(p map[string]string) {
			put(p, saveName(2, 1, 2))
		}, 4, 1, "cannot have been in flight"},
		"acknowledged and lost": {func(p map[string]string) {
			drop(p, acknowledged[1])
		}, 2, 0, "r2/w0/00001 was acknowledged, and is not there"},
		"lost from earlier": {func(p map[string]string) {
			drop(p, earlier)
		}, 3, 0, "r1/w3/00007 was acknowledged, and is not there"},
		"altered": {func(p map[string]string) {
			p[acknowledged[0]+"/2"] += "x"
		}, 2, 0, "r2/w0/00000/2 has the value"},
		"half of one in flight": {func(p map[string]string) {
			p[saveName(2, 2, 0)+"/0"] = demoValue(saveName(2, 2, 0) + "/0")
		}, 3, 0, "only 1 pairs of 4"},
		"not of the demo": {func(p map[string]string) {
			p["stranger"] = ""
		}, 3, 0, "stranger has the value"},
	} {
		t.Run(name, func(t *testing.T) {
			table := Table{Pairs: map[string]string{}}
			for _, save := range append([]string{earlier}, acknowledged...) {
				put(table.Pairs, save)
			}
			c.change(table.Pairs)
			found := ledger{earlier: true}.compare(acknowledged, table)
			require.Equal(t, c.recovered, found.recovered)
			require.Equal(t, c.flights, found.inFlight)
			if c.problem == "" {
				require.Empty(t, found.problems)
			} else {
				require.Contains(t, strings.Join(found.problems, "\n"), c.problem)
			}
		})
	}
}

func TestWhatWasRecoveredOnceMustStay(t *testing.T) {
	l := make(ledger)
	inFlight := saveName(1, 0, 0)
	table := Table{Pairs: map[string]string{}}
	put(table.Pairs, inFlight)
	require.Equal(t, finding{recovered: 1, inFlight: 1}, l.compare(nil, table))
	require.Equal(t, finding{}, l.compare(nil, table))
	require.Len(t, l.compare(nil, Table{}).problems, 1)
}

func put(pairs map[string]string, save string) {
	for _, e := range demoSave(save) {
		pairs[e.Key] = e.Value
	}
}

func drop(pairs map[string]string, save string) {
	for _, e := range demoSave(save) {
		delete(pairs, e.Key)
	}
}

func TestAReportWithoutItsEndDoesNotCount(t *testing.T) {
	c := child{}
	killed, err := c.listen(strings.NewReader("saved r1/w0/00000\nsnapshot 4\nsaved "+
		"r1/w0/00001\nsaved r1/w0/0000"), 2, func() error { return nil })
	require.NoError(t, err)
	require.True(t, killed)
	require.Equal(t, []string{"r1/w0/00000", "r1/w0/00001"}, c.acknowledged)
	require.EqualValues(t, 4, c.snapshotIndex)
	_, err = c.listen(strings.NewReader("what\n"), 1, nil)
	require.ErrorContains(t, err, "unexpected report")
}

func TestAHalfWrittenSnapshotIsNeverUsed(t *testing.T) {
	p := newProgram(t)
	p.ok("put", "sky", "blue")
	dir := filepath.Join(p.dir, "snapshots")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	// The first snapshot was written but not saved in the log before the crash. The second one was
	// not even renamed.
	require.NoError(t, writeSnapshot(dir, Table{Index: 1, Pairs: map[string]string{"other": "x"}}))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "0000000000000002.json.tmp"), []byte("half"),
		0o600))
	require.Equal(t, "sky\tblue\n", p.ok("list"))

	p.ok("put", "grass", "green")
	p.ok("snapshot")
	require.Equal(t, filepath.Join(dir, "0000000000000002.json"), p.only("snapshots", "*"))
	snaps, err := wal.ValidSnapshots(nil, p.config().logDir(), p.config().options()...)
	require.NoError(t, err)
	require.EqualValues(t, 2, snaps[len(snaps)-1].GetIndex())
	require.Equal(t, "grass\tgreen\nsky\tblue\n", p.ok("list"))
}
