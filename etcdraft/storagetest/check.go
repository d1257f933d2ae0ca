package storagetest

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"testing"
)

// Run tests a store: it makes every Check a test of its own.
func Run(t *testing.T, open Open) {
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) {
			err := c.Try(t.TempDir(), open)
			if errors.Is(err, ErrSkipped) {
				t.Skip(err)
			}
			if err != nil {
				t.Errorf("%q\n%v", c.Says, err)
			}
		})
	}
}

// Check is one property of a store.
type Check struct {
	Name string

	// Says is the sentence of raft's documentation that the check stands on. Where it is empty, raft
	// does not ask for the property, and a program can do without it.
	Says string

	run func(e *env)
}

// ErrSkipped is the result of a check that says nothing about the store.
var ErrSkipped = errors.New("the check does not apply")

// skip ends the check, because it does not apply.
func skip(why string) { panic(failure{fmt.Errorf("%w: %s", ErrSkipped, why)}) }

// Checks returns all checks, in the order of the documentation's sentences.
func Checks() (all []Check) {
	for _, some := range [][]Check{
		stateChecks, entriesChecks, termChecks, indexChecks, snapshotChecks, compactChecks, saveChecks,
		receivedChecks, crashChecks, concurrentChecks, livesChecks,
	} {
		all = append(all, some...)
	}
	return all
}

// afterACrash returns the checks, each followed by one in which the store crashes and is opened
// again where the check says turn.
func afterACrash(checks ...Check) (all []Check) {
	for _, c := range checks {
		again := c
		again.Name += "AfterACrash"
		again.run = func(e *env) {
			e.crashes = true
			c.run(e)
		}
		all = append(all, c, again)
	}
	return all
}

// Try checks a store whose files may be in the directory dir, which is empty and stays in use until
// Try returns. The error says what the store did before, and what was wrong then.
func (c Check) Try(dir string, open Open) (err error) {
	e := &env{dir: dir, open: open}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			err = r.err
		default:
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
		for _, n := range e.nodes {
			if err != nil && !errors.Is(err, ErrSkipped) {
				err = fmt.Errorf("%w\n%s", err, n.story())
			}
			n.abandon()
		}
	}()
	c.run(e)
	return nil
}

// env is what a check works with.
type env struct {
	dir     string
	open    Open
	dirs    int
	crashes bool
	nodes   []*node
}

// newDir returns a directory that is not there yet.
func (e *env) newDir() string {
	e.dirs++
	return filepath.Join(e.dir, strconv.Itoa(e.dirs))
}

// turn has the store of n crash and opens it again, in the checks that are about that.
func (e *env) turn(n *node) {
	if e.crashes {
		n.crash()
	}
}

// failure is what a check panics with that has found something.
type failure struct{ err error }

// failf ends the check.
func failf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

// must ends the check if there is an error.
func must(err error, format string, args ...any) {
	if err != nil {
		failf("%s: %w", fmt.Sprintf(format, args...), err)
	}
}

// equal ends the check unless the two are equal.
func equal[T comparable](want, got T, format string, args ...any) {
	if got != want {
		failf("%s is %v, not %v", fmt.Sprintf(format, args...), got, want)
	}
}

// bare ends the check unless err is the very error that raft compares with.
func bare(want, err error, format string, args ...any) {
	switch what := fmt.Sprintf(format, args...); {
	case err == want:
	case errors.Is(err, want):
		failf("%s: raft compares errors with ==, and this one only wraps it: %w", what, err)
	default:
		failf("%s: the error is %v, not %v", what, err, want)
	}
}
