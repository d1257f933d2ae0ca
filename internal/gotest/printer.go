package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// event is one line of go test -json; go doc test2json describes it.
type event struct {
	Action, Package, ImportPath, Test, Output string
}

// skipped is a test that was skipped, and why.
type skipped struct{ pkg, test, why string }

// printer turns the events of go test -json into what go test prints without -json: a line for a
// package that passed, and for one that failed everything that the tests wrote which did not pass.
type printer struct {
	out     io.Writer
	pkgs    map[string]*output // of the packages that are not done
	skipped []skipped
}

func newPrinter(out io.Writer) *printer {
	return &printer{out: out, pkgs: map[string]*output{}}
}

// output is what a package has written so far, by test, in the order in which the tests began to
// write. What the package itself wrote stands under the test "".
type output struct {
	order []string
	lines map[string][]string
}

func (o *output) add(test, line string) {
	if _, known := o.lines[test]; !known {
		o.order = append(o.order, test)
	}
	o.lines[test] = append(o.lines[test], line)
}

// read prints the events of a stream. It prints lines that are not events as they are.
func (p *printer) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) == nil && e.Action != "" {
				p.event(e)
			} else {
				fmt.Fprint(p.out, line)
			}
		}
		if errors.Is(err, io.EOF) {
			p.unfinished()
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// event records or prints one event.
func (p *printer) event(e event) {
	o := p.pkgs[e.Package]
	if o == nil {
		o = &output{lines: map[string][]string{}}
		p.pkgs[e.Package] = o
	}
	switch e.Action {
	case "build-output":
		fmt.Fprint(p.out, e.Output)
	case "output":
		if !chatter(e.Output) {
			o.add(e.Test, e.Output)
		}
	case "pass", "skip", "fail":
		p.done(e, o)
	}
}

// done ends a test or, if the event names none, a package.
func (p *printer) done(e event, o *output) {
	if e.Test != "" {
		if e.Action == "skip" {
			p.skipped = append(p.skipped, skipped{e.Package, e.Test, reason(o.lines[e.Test])})
		}
		if e.Action != "fail" {
			o.lines[e.Test] = nil
		}
		return
	}
	delete(p.pkgs, e.Package)
	for _, test := range o.order {
		for _, line := range o.lines[test] {
			if e.Action == "fail" || verdict(line) {
				fmt.Fprint(p.out, line)
			}
		}
	}
}

// unfinished prints what the packages wrote for which go test has given no result, as if they had
// failed.
func (p *printer) unfinished() {
	for pkg, o := range p.pkgs {
		p.done(event{Action: "fail", Package: pkg}, o)
	}
}

// chatter reports whether a line only says what a test is doing, as go test -v prints it.
func chatter(line string) bool {
	for _, prefix := range []string{"=== RUN ", "=== PAUSE ", "=== CONT ", "=== NAME "} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// verdict reports whether a line is the one that go test prints for a package that did not fail.
func verdict(line string) bool {
	return strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "?   \t") ||
		strings.HasPrefix(line, "\t")
}

// reason returns what a skipped test wrote, in one line.
func reason(lines []string) string {
	var words []string
	for _, line := range lines {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--- ") {
			words = append(words, line)
		}
	}
	return strings.Join(words, " ")
}

// summary lists the tests that were skipped.
func (p *printer) summary() {
	if len(p.skipped) == 0 {
		fmt.Fprintln(p.out, "skipped: none")
		return
	}
	fmt.Fprintf(p.out, "skipped: %d\n", len(p.skipped))
	for _, s := range p.skipped {
		fmt.Fprintf(p.out, "  %s: %s: %s\n", s.pkg, s.test, s.why)
	}
}
