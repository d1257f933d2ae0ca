package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/seed449c39bc/wal"
)

// asProgram is the variable that turns the test binary into the program. The demo starts its own
// executable, which in a test is the test binary.
const asProgram = "KVSTORE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// program runs commands on one directory.
type program struct {
	t    *testing.T
	dir  string
	args []string // further flags
}

func newProgram(t *testing.T, args ...string) program {
	return program{t, filepath.Join(t.TempDir(), "new", "store"), args}
}

func (p program) run(args ...string) (code int, stdout, stderr string) {
	p.t.Helper()
	var out, errs bytes.Buffer
	all := append(append([]string{"-dir", p.dir}, p.args...), args...)
	code = run(all, &out, &errs)
	return code, out.String(), errs.String()
}

// ok runs a command that must succeed without a warning, and returns what it prints.
func (p program) ok(args ...string) string {
	p.t.Helper()
	code, stdout, stderr := p.run(args...)
	require.Empty(p.t, stderr)
	require.Zero(p.t, code)
	return stdout
}

// fails runs a command that must fail with the given exit code, and returns its error.
func (p program) fails(want int, args ...string) string {
	p.t.Helper()
	code, stdout, stderr := p.run(args...)
	require.Equal(p.t, want, code, stderr)
	require.Empty(p.t, stdout)
	require.NotEmpty(p.t, stderr)
	return stderr
}

func (p program) config() Config {
	return Config{Dir: p.dir, SegmentSize: defaultSegmentSize, Logger: zap.NewNop()}
}

// file writes a file beside the store, and returns its path.
func (p program) file(content string) string {
	name := filepath.Join(p.t.TempDir(), "pairs.tsv")
	require.NoError(p.t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

// only returns the path of the only file that matches in a directory of the store.
func (p program) only(dir, pattern string) string {
	p.t.Helper()
	found, err := filepath.Glob(filepath.Join(p.dir, dir, pattern))
	require.NoError(p.t, err)
	require.Len(p.t, found, 1)
	return found[0]
}

// damage flips a bit of a file, where a text first stands.
func damage(t *testing.T, name, text string) {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	i := bytes.Index(data, []byte(text))
	require.Positive(t, i)
	data[i] ^= 1
	require.NoError(t, os.WriteFile(name, data, 0o600))
}

func TestPairsAreStillThereInTheNextRun(t *testing.T) {
	p := newProgram(t)
	p.ok("put", "sky", "blue")
	p.ok("put", "grass", "green <&> \u2028")
	p.ok("put", "sky", "grey")
	p.ok("put", "skin", "")
	require.Equal(t, "grey\n", p.ok("get", "sky"))
	require.Equal(t, "\n", p.ok("get", "skin"), "an empty value is a value")
	require.Equal(t, "grass\tgreen <&> \u2028\nskin\t\nsky\tgrey\n", p.ok("list"))
	require.Equal(t, "skin\t\nsky\tgrey\n", p.ok("list", "sk"))
	p.ok("del", "sky")
	require.Contains(t, p.fails(1, "get", "sky"), `no key "sky"`)
	require.Contains(t, p.fails(1, "del", "sky"), `no key "sky"`)
	require.Equal(t, "grass\tgreen <&> \u2028\nskin\t\n", p.ok("list"))
}

func TestOnlyPutAndLoadMakeAStore(t *testing.T) {
	for _, args := range [][]string{{"get", "k"}, {"del", "k"}, {"list"}, {"log"}, {"snapshot"}} {
		p := newProgram(t)
		require.Contains(t, p.fails(1, args...), "there is no store", args)
		require.NoDirExists(t, p.dir)
	}
}

func TestAWrongCallIsExplainedWithExitCode2(t *testing.T) {
	for _, args := range [][]string{
		{}, {"nonsense"}, {"put"}, {"put", "k"}, {"put", "k", "v", "more"}, {"get"}, {"list", "a", "b"},
		{"snapshot", "x"}, {"load", "--"}, {"-dir", "", "list"}, {"-dir=", "put", "k", "v"}, {"log", "x"},
		{"log", "-n", "x"}, {"log", "-n", "-1"}, {"demo", "x"}, {"-nonsense", "list"},
	} {
		p := newProgram(t)
		require.Contains(t, p.fails(2, args...), "kvstore help", args)
		require.NoDirExists(t, p.dir)
	}
}

func TestHelpNamesEveryCommandAndTheDefaultDirectory(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"-help"}} {
		help := newProgram(t).ok(args...)
		require.Contains(t, help, "default ./kvstore-data")
		for _, c := range commands {
			if c.help != "" {
				require.Contains(t, help, "\n  "+c.name+" ")
			}
		}
	}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	for _, c := range commands {
		for _, flag := range []string{"-h", "-help", "--help"} {
			p := newProgram(t)
			require.Contains(t, p.ok(c.name, flag), "usage: kvstore "+c.name)
			require.NoDirExists(t, p.dir)
		}
	}
	p := newProgram(t)
	p.ok("put", "--", "--help", "me")
	require.Equal(t, "me\n", p.ok("get", "--", "--help"))
}

func TestWhatCannotBeKeptIsRefused(t *testing.T) {
	for _, c := range []struct{ key, value, reason string }{
		{"", "v", "the key is empty"},
		{"a\tb", "v", "tab or a line break"},
		{"a\nb", "v", "tab or a line break"},
		{"k", "two\nlines", "line break"},
		{"\xff", "v", "UTF-8"},
		{"k", "\xff", "UTF-8"},
		{"k", strings.Repeat("v", maxPair), "more than 1048576 bytes"},
	} {
		p := newProgram(t)
		p.ok("put", "before", "1")
		require.Contains(t, p.fails(1, "put", c.key, c.value), c.reason)
		require.Equal(t, "before\t1\n", p.ok("list"))
	}
}

func TestALoadedFileCanBeListedAndLoadedAgain(t *testing.T) {
	p := newProgram(t)
	var content strings.Builder
	for i := range 2*batchLines + 7 {
		fmt.Fprintf(&content, "key %05d\tvalue\twith tab %d\n", i, i)
	}
	fmt.Fprintf(&content, "large\t%s\n", strings.Repeat("x", maxPair-len("large")))
	file := p.file(content.String())
	require.Equal(t, fmt.Sprintf("saved %d pairs from %s\n", 2*batchLines+8, file), p.ok("load", file))
	require.Equal(t, content.String(), p.ok("list"))

	other := newProgram(t)
	other.ok("load", p.file(p.ok("list")))
	require.Equal(t, content.String(), other.ok("list"))
}

func TestALoadStopsAtABadLineAndSaysWhatIsSaved(t *testing.T) {
	good := "a\t1\r\n\nb\t2\n"
	for bad, reason := range map[string]string{
		"no separator":                       "no tab between key and value",
		"\tvalue":                            "the key is empty",
		"k\t\xff":                            "UTF-8",
		"k\t" + strings.Repeat("v", maxPair): "more than 1048576 bytes",
		strings.Repeat("v", 2*maxPair):       "more than 1048576 bytes",
	} {
		p := newProgram(t)
		msg := p.fails(1, "load", p.file(good+bad+"\nc\t3\n"))
		require.Contains(t, msg, "line 4: ")
		require.Contains(t, msg, reason)
		require.Contains(t, msg, "the 2 pairs before it are saved, nothing from it on")
		require.Equal(t, "a\t1\nb\t2\n", p.ok("list"))
	}
}

func TestAByteOrderMarkIsNotPartOfTheFirstKey(t *testing.T) {
	p := newProgram(t)
	p.ok("load", p.file("\ufeffa\t1\n\ufeffb\t2\n"))
	require.Equal(t, "a\t1\n\ufeffb\t2\n", p.ok("list"), "only the first line has one")
}

func TestALongLogSuggestsASnapshot(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, suggestSnapshot(&out, manyEntries-1))
	require.Empty(t, out.String())
	require.NoError(t, suggestSnapshot(&out, manyEntries))
	require.Contains(t, out.String(), "kvstore snapshot")

	p := newProgram(t)
	s, err := OpenOrCreate(p.config())
	require.NoError(t, err)
	require.NoError(t, s.Save(Put("a", "1"), Put("b", "2")))
	require.EqualValues(t, 2, s.Behind())
	_, _, err = s.Snapshot()
	require.NoError(t, err)
	require.NoError(t, s.Close())
	s, err = Open(p.config())
	require.NoError(t, err)
	require.Zero(t, s.Behind())
	require.NoError(t, s.Close())
}

func TestALoadOfAMissingFileMakesNoStore(t *testing.T) {
	p := newProgram(t)
	p.fails(1, "load", filepath.Join(t.TempDir(), "missing.tsv"))
	require.NoDirExists(t, p.dir)
}

func TestProgressIsOneRewrittenLineOnATerminalAndManyElsewhere(t *testing.T) {
	for _, terminal := range []bool{true, false} {
		var out bytes.Buffer
		p := newProgress(&out, 1000)
		require.False(t, p.terminal, "a buffer is no terminal")
		p.terminal = terminal
		p.show(1, 10)
		require.Empty(t, out.String(), "a short load shows nothing")
		for n := 1; n <= 2; n++ {
			p.shown = p.shown.Add(-time.Minute)
			p.show(n, int64(n)*500)
		}
		p.end()
		require.Contains(t, out.String(), "1 pairs saved")
		require.Contains(t, out.String(), "100% of the file")
		lines, rewrites := 2, 0
		if terminal {
			lines, rewrites = 1, 2
		}
		require.Equal(t, lines, strings.Count(out.String(), "\n"))
		require.Equal(t, rewrites, strings.Count(out.String(), "\r"))
	}
}

func TestASnapshotReplacesTheLogBeforeIt(t *testing.T) {
	p := newProgram(t, "-segment-size", "1024")
	var want strings.Builder
	for i := range 20 {
		p.ok("put", fmt.Sprintf("key %02d", i), strings.Repeat("v", 100))
		fmt.Fprintf(&want, "key %02d\t%s\n", i, strings.Repeat("v", 100))
	}
	require.Contains(t, p.ok("snapshot"), "snapshot at entry 20; removed ")
	require.NotContains(t, p.ok("log"), "entries    1 to ", "the first segments are gone")
	require.Equal(t, want.String(), p.ok("list"))

	p.ok("put", "later", "1")
	p.ok("del", "key 00")
	require.Contains(t, p.ok("snapshot"), "snapshot at entry 22")
	require.Equal(t, filepath.Join(p.dir, "snapshots", "0000000000000016.json"),
		p.only("snapshots", "*"), "the older one is gone")
	p.ok("put", "later", "2")
	require.Equal(t, "2\n", p.ok("get", "later"))
	require.Equal(t, 20, strings.Count(p.ok("list"), "\n"))
}

func TestLogShowsWhatTheLogHolds(t *testing.T) {
	p := newProgram(t)
	for i := range 12 {
		p.ok("put", fmt.Sprintf("key %d", i+1), "some value")
	}
	p.ok("snapshot")
	p.ok("del", "key 1")
	out := p.ok("log")
	for _, want := range []string{
		`metadata   "kvstore 1"`, "state      term 1, committed up to entry 13",
		"snapshots  at entry 0, at entry 12\nentries    1 to 13\n",
		"0000000000000000-0000000000000000.wal", "000000000000000c.json",
		"the last 10:", `     4  put "key 4" = "some value"`, `    13  del "key 1"`,
	} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, `"key 3"`)
	require.Contains(t, p.ok("log", "-n", "100"), `     1  put "key 1" = "some value"`)
	require.NotContains(t, p.ok("log", "-n", "0"), "put")
}

func TestLogShowsEveryRecordAlsoOfADamagedLog(t *testing.T) {
	p := newProgram(t)
	p.ok("put", "sky", "blue")
	p.ok("put", "grass", "green")
	out := p.ok("log", "-records")
	for _, want := range []string{"0000000000000000-0000000000000000.wal\n", "metadata", "synced",
		"commit", `\"key\":\"sky\"`, "closed"} {
		require.Contains(t, out, want)
	}
	damage(t, p.only("log", "*.wal"), "blue")
	damaged := p.ok("log", "-records")
	require.Contains(t, damaged, "log is corrupt in segment")
	require.Equal(t, strings.Count(out, "\n"), strings.Count(damaged, "\n"),
		"one record is replaced by the error")
	require.Contains(t, damaged, `\"key\":\"grass\"`)
}

func TestADamagedLogIsAnErrorAndStaysAsItIs(t *testing.T) {
	p := newProgram(t)
	p.ok("put", "sky", "blue")
	p.ok("put", "grass", "green")
	segment := p.only("log", "*.wal")
	damage(t, segment, "blue")
	before, err := os.ReadFile(segment)
	require.NoError(t, err)
	for _, args := range [][]string{{"get", "sky"}, {"list"}, {"log"}, {"put", "k", "v"},
		{"del", "sky"}, {"snapshot"}} {
		msg := p.fails(1, args...)
		require.Contains(t, msg, "log is corrupt in segment "+filepath.Base(segment), args)
		require.Contains(t, msg, "entries 1 to 2 are at stake", args)
	}
	after, err := os.ReadFile(segment)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestADamagedSnapshotIsPassedOverOnlyWhenTheLogHasItAll(t *testing.T) {
	p := newProgram(t)
	p.ok("put", "sky", "blue")
	p.ok("snapshot")
	damage(t, p.only("snapshots", "*"), "blue")
	code, stdout, stderr := p.run("get", "sky")
	require.Zero(t, code)
	require.Equal(t, "blue\n", stdout, "replayed from the very beginning")
	require.Equal(t, 1, strings.Count(stderr, "its checksum is wrong"), stderr)

	p = newProgram(t, "-segment-size", "512")
	for range 10 {
		p.ok("put", "sky", strings.Repeat("blue", 30))
	}
	require.NotContains(t, p.ok("snapshot"), "removed 0")
	damage(t, p.only("snapshots", "*"), "blue")
	for _, args := range [][]string{{"get", "sky"}, {"list"}, {"put", "k", "v"}} {
		msg := p.fails(1, args...)
		require.Contains(t, msg, "snapshot that cannot be read", args)
		require.Equal(t, 1, strings.Count(msg, "\n"), "one line, %s", msg)
	}
}

func TestSnapshotsWithoutALogAreNotTakenForANewStore(t *testing.T) {
	p := newProgram(t)
	p.ok("put", "sky", "blue")
	p.ok("snapshot")
	require.NoError(t, os.RemoveAll(filepath.Join(p.dir, "log")))
	require.Contains(t, p.fails(1, "put", "k", "v"), "has snapshots but no log")
}

func TestALogOfAnotherProgramIsRefused(t *testing.T) {
	p := newProgram(t)
	w, err := wal.Create(nil, p.config().logDir(), []byte("other"), p.config().options()...)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.Contains(t, p.fails(1, "list"), `the log of "other"`)
	require.Contains(t, p.fails(1, "put", "k", "v"), `the log of "other"`)
}

func TestOneWritesWhileOthersRead(t *testing.T) {
	p := newProgram(t)
	s, err := OpenOrCreate(p.config())
	require.NoError(t, err)
	require.NoError(t, s.Save(Put("sky", "blue")))
	require.Equal(t, "blue\n", p.ok("get", "sky"))
	require.Contains(t, p.fails(1, "put", "sky", "grey"), "locked")
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Save(Put("sky", "grey")), wal.ErrClosed)
}

func TestConcurrentSavesAndSnapshotsAreAllThereAfterAReopen(t *testing.T) {
	p := newProgram(t)
	cfg := p.config()
	cfg.SegmentSize = 4096
	s, err := OpenOrCreate(cfg)
	require.NoError(t, err)
	require.NoError(t, s.Save(demoSave(saveName(0, 0, 0))...)) // something for the first snapshot
	var wait sync.WaitGroup
	for w := range 4 {
		wait.Go(func() {
			for n := range 25 {
				name := saveName(1, w, n)
				if err := s.Save(demoSave(name)...); err != nil {
					t.Error(err)
				}
				if _, ok := s.Get(name + "/0"); !ok {
					t.Errorf("%s is saved but not applied", name)
				}
			}
		})
	}
	for range 3 {
		wait.Go(func() {
			if _, _, err := s.Snapshot(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Go(func() {
		for range 10 {
			if table, err := Read(cfg); err != nil || len(table.Pairs)%demoPairs != 0 {
				t.Errorf("a reader beside the writer: %d pairs, %v", len(table.Pairs), err)
			}
		}
	})
	wait.Wait()
	want := s.Table()
	require.Len(t, want.Pairs, (4*25+1)*demoPairs)
	require.EqualValues(t, len(want.Pairs), want.Index)
	require.NoError(t, s.Close())

	got, err := Read(cfg)
	require.NoError(t, err)
	require.Equal(t, want, got)
}
