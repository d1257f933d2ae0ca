// Command kvstore is a small durable key-value store. Read it if you want to embed the log in a
// program of your own.
//
//	go run ./examples/kvstore demo          kills itself while saving, and shows that nothing is lost
//	go run ./examples/kvstore put sky blue  saves a pair in ./kvstore-data
//	go run ./examples/kvstore help          shows the rest
//
// Read it in this order:
//
//   - records.go: what goes into the log: the program's types for entries, states and snapshots,
//     and the registry that makes them known to the log
//   - store.go: the state machine: how it saves, and how it is restored
//   - snapshot.go: how a snapshot is made safe before the log lets go of entries
//
// The rest is the program around them. load.go and inspect.go are the two larger commands. demo.go
// starts child.go as a process and kills it, and check.go compares what the process reported with
// what is in the store.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	defaultDir         = "kvstore-data"
	defaultSegmentSize = 4 << 20 // bytes
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// app is what a command works with.
type app struct {
	cfg            Config
	given          map[string]bool // the flags that were set
	stdout, stderr io.Writer
}

// command is one of the program's commands.
type command struct {
	name, args, help string
	min, max         int // how many arguments it takes; max < 0: it parses them itself
	run              func(a *app, args []string) error
}

var commands = []command{
	{"put", "KEY VALUE", "save a pair; makes the store if there is none", 2, 2, (*app).put},
	{"get", "KEY", "print the value of a key", 1, 1, (*app).get},
	{"del", "KEY", "delete a key", 1, 1, (*app).del},
	{"list", "[PREFIX]", "print the pairs as KEY<TAB>VALUE lines, sorted by key", 0, 1, (*app).list},
	{"load", "FILE.tsv", "save the KEY<TAB>VALUE lines of a file, many at a time", 1, 1, (*app).load},
	{"snapshot", "", "save a snapshot and delete the part of the log that it replaces", 0, 0,
		(*app).snapshot},
	{"log", "[-n COUNT]", "show what the log holds, and its last entries (default 10); with " +
		"-records, all records", 0, -1, (*app).inspect},
	{"demo", "", "kill a process while it saves, and show that nothing is lost", 0, 0, (*app).demo},
	{"child", "", "", 0, -1, (*app).child}, // the process that demo kills
}

// usageError is a mistake in how the program was called.
type usageError string

func (e usageError) Error() string { return string(e) }

// run runs the program and returns its exit code: 0 for success, 1 for a failure, and 2 for a wrong
// call.
func run(args []string, stdout, stderr io.Writer) int {
	err := dispatch(args, stdout, stderr)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "kvstore: %v; see kvstore help\n", err)
		return 2
	}
	fmt.Fprintf(stderr, "kvstore: %v\n", err)
	return 1
}

// dispatch parses the flags and runs the command.
func dispatch(args []string, stdout, stderr io.Writer) error {
	a := &app{given: make(map[string]bool), stdout: stdout, stderr: stderr}
	a.cfg.Logger = newLogger(stderr)
	flags := newFlags("kvstore")
	flags.StringVar(&a.cfg.Dir, "dir", defaultDir, "")
	flags.Int64Var(&a.cfg.SegmentSize, "segment-size", defaultSegmentSize, "")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp) || flags.Arg(0) == "help":
		return help(stdout)
	case err != nil:
		return usageError(err.Error())
	case flags.NArg() == 0:
		return usageError("no command")
	}
	flags.Visit(func(f *flag.Flag) { a.given[f.Name] = true })
	if a.cfg.Dir == "" {
		return usageError("-dir needs the name of a directory")
	}
	name, rest := flags.Arg(0), flags.Args()[1:]
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == name })
	if i < 0 {
		return usageError(fmt.Sprintf("no command %q", name))
	}
	return commands[i].call(a, rest)
}

// call runs the command if it has the right number of arguments. Arguments after "--" are taken as
// they are, even those that would otherwise ask for help.
func (c command) call(a *app, args []string) error {
	usage := strings.TrimSpace("usage: kvstore " + c.name + " " + c.args)
	if len(args) > 0 {
		switch args[0] {
		case "-h", "-help", "--help":
			_, err := fmt.Fprintf(a.stdout, "%s\n%s\n", usage, c.help)
			return err
		case "--":
			args = args[1:]
		}
	}
	if len(args) < c.min || c.max >= 0 && len(args) > c.max {
		return usageError(usage)
	}
	return c.run(a, args)
}

// newFlags returns a set of flags that reports mistakes only as errors.
func newFlags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return flags
}

func help(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprint(out, "kvstore is a small durable key-value store on a write-ahead log.\n\n")
	fmt.Fprint(out, "usage: kvstore [-dir DIR] [-segment-size BYTES] COMMAND [ARGUMENTS]\n\n")
	for _, c := range commands {
		if c.help != "" {
			fmt.Fprintf(out, "  %-9s%-11s %s\n", c.name, c.args, c.help)
		}
	}
	fmt.Fprintf(out, `
  -dir DIR             where the store is (default ./%s; demo: a temporary directory)
  -segment-size BYTES  size at which a file of the log is full (default %d; demo: %d)

"COMMAND -h" explains one command; what stands behind "--" is never taken for that.
A command that has printed no error has its changes on stable storage.
Exit codes: 0 done, 1 failed, 2 called wrongly.
`, defaultDir, defaultSegmentSize, demoSegmentSize)
	return out.Flush()
}

// newLogger returns a logger for the warnings of the log, such as that it has healed a torn tail.
func newLogger(w io.Writer) *zap.Logger {
	enc := zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig())
	return zap.New(zapcore.NewCore(enc, zapcore.Lock(zapcore.AddSync(w)), zap.WarnLevel))
}

// withStore opens the store, runs do on it, and closes it.
func (a *app) withStore(open func(Config) (*Store, error), do func(*Store) error) error {
	s, err := open(a.cfg)
	if err != nil {
		return err
	}
	err = do(s)
	if cerr := s.Close(); err == nil { // after a failure, Close only repeats the error
		err = cerr
	}
	return err
}

func (a *app) put(args []string) error {
	return a.withStore(OpenOrCreate, func(s *Store) error {
		return s.Save(Put(args[0], args[1]))
	})
}

func (a *app) get(args []string) error {
	t, err := Read(a.cfg)
	if err != nil {
		return err
	}
	value, ok := t.Pairs[args[0]]
	if !ok {
		return fmt.Errorf("no key %q", args[0])
	}
	_, err = fmt.Fprintln(a.stdout, value)
	return err
}

func (a *app) del(args []string) error {
	return a.withStore(Open, func(s *Store) error {
		if _, ok := s.Get(args[0]); !ok {
			return fmt.Errorf("no key %q", args[0])
		}
		return s.Save(Delete(args[0]))
	})
}

func (a *app) list(args []string) error {
	t, err := Read(a.cfg)
	if err != nil {
		return err
	}
	prefix := ""
	if len(args) > 0 {
		prefix = args[0]
	}
	out := bufio.NewWriter(a.stdout)
	for _, key := range t.Keys(prefix) {
		fmt.Fprintf(out, "%s\t%s\n", key, t.Pairs[key])
	}
	return out.Flush()
}

func (a *app) snapshot([]string) error {
	return a.withStore(Open, func(s *Store) error {
		index, removed, err := s.Snapshot()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.stdout, "snapshot at entry %d; removed %d segments of the log\n", index,
			removed)
		return err
	})
}
