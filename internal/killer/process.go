package killer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// lifeVariable is set in the environment of a child: its Life.
const lifeVariable = "WAL_TEST_KILL_CHILD"

// BeChild does nothing in the process that runs the tests. In a child it lives, with the life that
// the child was given and the pipe for its reports, and does not return: an error of live is the
// end of the process.
func BeChild(live func(l Life, reports io.Writer) error) {
	s := os.Getenv(lifeVariable)
	if s == "" {
		return
	}
	l, err := ParseLife(s)
	if err == nil {
		err = live(l, os.NewFile(3, "reports"))
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(3)
}

// Process is a child.
type Process struct {
	cmd     *exec.Cmd
	reports *os.File
	stderr  bytes.Buffer
}

// Start starts the running binary of tests once more, for one test, which calls BeChild first of
// all. The process is killed when the context ends. It needs a system with SIGKILL and inherited
// pipes.
func Start(ctx context.Context, test string, l Life) (*Process, error) {
	in, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p := &Process{reports: in}
	p.cmd = exec.CommandContext(ctx, os.Args[0], "-test.run=^"+test+"$")
	p.cmd.Env = append(os.Environ(), lifeVariable+"="+l.String())
	p.cmd.ExtraFiles = []*os.File{out}
	p.cmd.Stderr = &p.stderr
	err = p.cmd.Start()
	out.Close()
	if err != nil {
		in.Close()
		return nil, err
	}
	return p, nil
}

// Kill sends SIGKILL. The process may have died before.
func (p *Process) Kill() { p.cmd.Process.Kill() }

// Reports returns what the process reports. It ends when the process has died.
func (p *Process) Reports() io.Reader { return p.reports }

// KillAfter reads the reports until the process has died. The process is killed that long after its
// start, if early, or after it has reported that its log is open.
func (p *Process) KillAfter(early bool, after time.Duration) (*Report, error) {
	if early {
		time.AfterFunc(after, p.Kill)
	}
	r := &Report{}
	lines := bufio.NewReader(p.reports)
	err := r.Parse(func(yield func(string) bool) {
		for waiting := !early; ; {
			line, err := lines.ReadString('\n')
			if waiting && line == Ready {
				waiting = false
				time.AfterFunc(after, p.Kill)
			}
			if line != "" && !yield(line) || err != nil {
				return
			}
		}
	})
	return r, err
}

// Wait waits until the process has ended. The error is nil if a signal has ended it; otherwise it
// says what the process wrote to its standard error.
func (p *Process) Wait() error {
	err := p.cmd.Wait()
	p.reports.Close()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return nil
		}
	}
	return fmt.Errorf("the child was not killed: %v: %s", err, p.stderr.String())
}
