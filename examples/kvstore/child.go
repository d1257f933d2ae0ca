package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The child prints a line "saved NAME" after a save has returned nil, and a line "snapshot INDEX"
// after a snapshot has.
const (
	savedLine    = "saved "
	snapshotLine = "snapshot "
)

const (
	snapshotAfter = 20               // saves of one goroutine before the child's snapshot
	childLife     = 60 * time.Second // after it the child ends if it was not killed
	patience      = time.Second      // after it one acknowledgement is enough: the disk is slow
	killLimit     = 10 * time.Second // after it the child is killed in any case
)

// child runs the process that the demo kills: goroutines that save until it dies.
func (a *app) child(args []string) error {
	flags := newFlags("child")
	round := flags.Int("round", 1, "")
	snapshot := flags.Bool("snapshot", false, "")
	if err := flags.Parse(args); err != nil {
		return usageError(err.Error())
	}
	s, err := OpenOrCreate(a.cfg)
	if err != nil {
		return err
	}
	reports := reporter{out: a.stdout}
	failed := make(chan error)
	for w := range demoWriters {
		go func() { failed <- saveForever(s, *round, w, *snapshot && w == 0, &reports) }()
	}
	select {
	case err = <-failed:
		return err
	case <-time.After(childLife):
		return errors.New("nobody has killed this process")
	}
}

// saveForever saves until it fails. Each of the goroutines runs it.
func saveForever(s *Store, round, writer int, snapshot bool, reports *reporter) error {
	for n := 0; ; n++ {
		name := saveName(round, writer, n)
		if err := s.Save(demoSave(name)...); err != nil {
			return err
		}
		// The save is reported only now, when it is on stable storage.
		if err := reports.line(savedLine + name); err != nil {
			return err
		}
		if snapshot && n == snapshotAfter {
			index, _, err := s.Snapshot()
			if err != nil {
				return err
			}
			if err := reports.line(snapshotLine + strconv.FormatUint(index, 10)); err != nil {
				return err
			}
		}
	}
}

// reporter writes whole lines, from several goroutines.
type reporter struct {
	mu  sync.Mutex
	out io.Writer
}

func (r *reporter) line(text string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := io.WriteString(r.out, text+"\n")
	return err
}

// child is what the parent knows of the process: how it is started, and what it has reported.
type child struct {
	cfg      Config
	round    int
	snapshot bool // the child makes a snapshot

	acknowledged  []string // names of saves
	snapshotIndex uint64   // 0: none yet
}

// saveUntilKilled starts the process and kills it after a number of acknowledgements.
func (c *child) saveUntilKilled(killAfter int) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(exe, "-dir", c.cfg.Dir, "-segment-size",
		strconv.FormatInt(c.cfg.SegmentSize, 10),
		"child", "-round", strconv.Itoa(c.round), fmt.Sprintf("-snapshot=%t", c.snapshot))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	limit := time.AfterFunc(killLimit, func() { cmd.Process.Kill() })
	killed, err := c.listen(pipe, killAfter, cmd.Process.Kill)
	cmd.Process.Kill() // if listen has not killed it
	cmd.Wait()         // the error is that of the kill; only now are the log's locks free
	pending := limit.Stop()
	switch {
	case err != nil:
		return err
	case !killed && pending: // neither listen nor the limit killed it
		return fmt.Errorf("the child ended by itself: %s", strings.TrimSpace(stderr.String()))
	case len(c.acknowledged) == 0:
		return fmt.Errorf("the child acknowledged nothing within %v", killLimit)
	}
	return nil
}

// listen records the child's reports, and kills it in the middle of them. What is in the pipe by
// then was acknowledged too, so it reads on to the end.
func (c *child) listen(pipe io.Reader, killAfter int, kill func() error) (killed bool, err error) {
	began := time.Now()
	lines := bufio.NewReader(pipe)
	for {
		text, err := lines.ReadString('\n')
		if err == io.EOF {
			return killed, nil // a line that does not end is not a report
		}
		if err != nil {
			return killed, err
		}
		if err := c.note(strings.TrimSuffix(text, "\n")); err != nil {
			return killed, err
		}
		enough := len(c.acknowledged) >= killAfter || len(c.acknowledged) > 0 &&
			time.Since(began) > patience
		if !killed && enough && (!c.snapshot || c.snapshotIndex > 0) {
			if err := kill(); err != nil {
				return killed, err
			}
			killed = true
		}
	}
}

// note records one report.
func (c *child) note(text string) (err error) {
	if name, ok := strings.CutPrefix(text, savedLine); ok {
		c.acknowledged = append(c.acknowledged, name)
		return nil
	}
	if index, ok := strings.CutPrefix(text, snapshotLine); ok {
		c.snapshotIndex, err = strconv.ParseUint(index, 10, 64)
		return err
	}
	return fmt.Errorf("unexpected report of the child: %q", text)
}
