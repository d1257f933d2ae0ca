package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/seed449c39bc/wal"
)

const (
	demoRounds      = 5
	demoWriters     = 4        // goroutines that save at the same time
	demoPairs       = 4        // pairs in each save
	demoSegmentSize = 64 << 10 // bytes; small, so that many segments are begun
	snapshotRound   = 3
	powerCutRound   = 4
)

const demoIntro = `Does a save that was acknowledged survive a crash?

A child process saves pairs into the store in %s,
from %d goroutines at once, %d pairs per save, and reports each save after the log
has returned nil: that is the acknowledgement. While it saves, it is killed without
warning (SIGKILL). Then the store is opened again and compared with the reports:
every acknowledged save has to be there, each whole, with its values intact.

`

const demoLegend = `
acknowledged  saves that the child reported before it died
recovered     saves of this round that are in the store now
in flight     recovered, but killed before they could be reported: at most one per
              goroutine. Nobody was told that they failed, so both outcomes are right,
              as long as such a save is there whole or not at all.
replayed      entries that were read from the log to build the table again
`

// demo kills a process that is saving, and shows what is left of its work.
func (a *app) demo([]string) error {
	cfg, temporary, err := a.demoConfig()
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, demoIntro, cfg.Dir, demoWriters, demoPairs)
	d := demo{out: a.stdout, cfg: cfg, known: make(ledger)}
	if err := d.rounds(); err != nil {
		return fmt.Errorf("demo in %s: %w", cfg.Dir, err)
	}
	fmt.Fprint(a.stdout, demoLegend)
	if d.problems > 0 {
		return fmt.Errorf("acknowledged and recovered DISAGREE, see above; the store is left in %s",
			cfg.Dir)
	}
	fmt.Fprintf(a.stdout, "\n%d kills, %d saves acknowledged, none lost, none altered, none in "+
		"half: they agree.\n", demoRounds, d.acknowledged)
	if temporary {
		return os.RemoveAll(cfg.Dir)
	}
	fmt.Fprintf(a.stdout, "Look at what is left with: kvstore -dir %s log\n", cfg.Dir)
	return nil
}

// demoConfig returns a configuration for the demo. It works in the directory that was asked for,
// which must be empty, or else in a temporary one.
func (a *app) demoConfig() (cfg Config, temporary bool, err error) {
	cfg = Config{Dir: a.cfg.Dir, SegmentSize: demoSegmentSize, Logger: zap.NewNop()}
	if a.given["segment-size"] {
		cfg.SegmentSize = a.cfg.SegmentSize
	}
	if !a.given["dir"] {
		cfg.Dir, err = os.MkdirTemp("", "kvstore-demo-")
		return cfg, true, err
	}
	files, err := os.ReadDir(cfg.Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return cfg, false, err
	}
	if len(files) > 0 {
		return cfg, false, fmt.Errorf("%s is not empty, and the demo begins with an empty store: give "+
			"it another -dir, or none", cfg.Dir)
	}
	return cfg, false, nil
}

// demo is one run of the rounds.
type demo struct {
	out          io.Writer
	cfg          Config
	known        ledger // saves that must be in the store
	acknowledged int
	problems     int
}

func (d *demo) rounds() error {
	for n := 1; n <= demoRounds; n++ {
		if err := d.round(n); err != nil {
			return fmt.Errorf("round %d: %w", n, err)
		}
	}
	return nil
}

// round lets a child save, kills it, and compares the store with its reports.
func (d *demo) round(n int) error {
	killAfter := 100 + rand.IntN(200) // acknowledgements
	c := child{cfg: d.cfg, round: n, snapshot: n == snapshotRound}
	if err := c.saveUntilKilled(killAfter); err != nil {
		return err
	}
	cut := false
	if n == powerCutRound {
		var err error
		if cut, err = tear(d.cfg); err != nil {
			return err
		}
	}
	r, err := reopen(d.cfg)
	if err != nil {
		return err
	}
	r.powerCut = cut
	found := d.known.compare(c.acknowledged, r.table)
	d.acknowledged += len(c.acknowledged)
	d.problems += len(found.problems)
	d.report(n, &c, r, found)
	return nil
}

// reopened is what a store held after a kill, and how it was opened again.
type reopened struct {
	table    Table
	start    uint64 // index of the snapshot that it was opened at
	segments int
	torn     *wal.TornTail // nil: there was none to heal
	powerCut bool          // a power cut was simulated
}

// reopen opens the store as any program would after a crash, and closes it.
func reopen(cfg Config) (reopened, error) {
	var r reopened
	cfg.Listener = wal.Listener{Healed: func(t wal.TornTail) { r.torn = &t }}
	s, err := Open(cfg)
	if err != nil {
		return r, err
	}
	r.table, r.start = s.Table(), s.from
	if err := s.Close(); err != nil {
		return r, err
	}
	segments, err := filepath.Glob(filepath.Join(cfg.logDir(), "*.wal"))
	r.segments = len(segments)
	return r, err
}

// report prints the result of a round.
func (d *demo) report(n int, c *child, r reopened, found finding) {
	line := func(label, format string, args ...any) {
		fmt.Fprintf(d.out, "         %-14s"+format+"\n", append([]any{label}, args...)...)
	}
	fmt.Fprintf(d.out, "round %d  killed while saving\n", n)
	if c.snapshotIndex > 0 {
		line("snapshot", "at entry %d, by the child while it saved; older segments deleted",
			c.snapshotIndex)
	}
	if r.powerCut {
		line("power cut", "played too: the first sector of one more save is left behind the log")
	}
	line("acknowledged", "%d saves", len(c.acknowledged))
	line("recovered", "%d saves, %d of them in flight", found.recovered, found.inFlight)
	line("replayed", "%d entries behind the snapshot at %d; %d segments", r.table.Index-r.start,
		r.start, r.segments)
	if r.torn == nil {
		line("torn tail", "none")
	} else {
		line("torn tail", "healed: %d bytes dropped that were never acknowledged", r.torn.Bytes)
	}
	if len(found.problems) == 0 {
		line("agree", "yes, with all earlier rounds (%d saves)", len(d.known))
	}
	for _, p := range found.problems {
		line("DISAGREE", "%s", p)
	}
}
