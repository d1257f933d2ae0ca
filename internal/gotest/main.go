// Command gotest runs the tests of one module after the other, prints what go test would print, and
// lists at the end which tests were skipped and why.
//
//	gotest [-race -timeout=30m ...] MODULE...
//
// Arguments that begin with a dash are flags of go test, each in one word. A MODULE is a directory.
// The exit status is 0 if all tests of all modules passed, and otherwise that of the first go test
// that failed.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func main() {
	flags, modules := split(os.Args[1:])
	if len(modules) == 0 {
		fmt.Fprintln(os.Stderr, "usage: gotest [FLAGS OF GO TEST] MODULE...")
		os.Exit(2)
	}
	os.Exit(run(flags, modules, os.Stdout, os.Stderr))
}

// split separates the flags for go test from the modules.
func split(args []string) (flags, modules []string) {
	n := 0
	for n < len(args) && strings.HasPrefix(args[n], "-") {
		n++
	}
	return args[:n], args[n:]
}

// run tests all modules, even after a failure, and returns the exit status.
func run(flags, modules []string, stdout, stderr io.Writer) (status int) {
	p := newPrinter(stdout)
	for _, module := range modules {
		fmt.Fprintf(stdout, "== %s: go test %s ./...\n", module, strings.Join(flags, " "))
		code, err := testModule(module, flags, p, stderr)
		if err != nil {
			fmt.Fprintf(stderr, "gotest: %s: %v\n", module, err)
		}
		if status == 0 {
			status = code
		}
	}
	p.summary()
	return status
}

// testModule runs go test in a module, and returns its exit status. It reads nothing from stdin.
func testModule(
	module string, flags []string, p *printer, stderr io.Writer,
) (status int, err error) {
	args := append([]string{"test", "-json"}, flags...)
	cmd := exec.Command("go", append(args, "./...")...)
	cmd.Dir = module
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	readErr := p.read(out)
	if readErr != nil {
		_, _ = io.Copy(io.Discard, out) // otherwise go test could not end
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), readErr // it is -1 if a signal ended go test
	}
	if err = errors.Join(err, readErr); err != nil {
		return 1, err
	}
	return 0, nil
}
