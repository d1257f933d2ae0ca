package wal_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A go command that lists two targets of one package, and whose tests print what $SAID says and
// end as $STATUS does.
const fakeGo = `#!/bin/sh
case "$1 $2" in
"list ./...") echo example ;;
"test -list") printf 'FuzzA\nFuzzB\nok  \texample\t0.01s\n' ;;
*)
	echo "$*" >>"$RAN"
	printf '%b' "$SAID"
	exit "$STATUS"
	;;
esac
`

// script runs a program that finds fakeGo in its path, and returns its output, its exit status and
// the calls of go test, a line each.
func script(
	t *testing.T, said, status, name string, args ...string,
) (out string, code int, ran string) {
	t.Helper()
	for _, needed := range []string{"sh", "awk", name} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skip("needs ", needed, ": ", err)
		}
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte(fakeGo), 0o755))
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"),
		"MAKEFLAGS=", "RAN="+filepath.Join(dir, "ran"), "SAID="+said, "STATUS="+status)
	text, err := cmd.Output()
	if err != nil {
		require.IsType(t, &exec.ExitError{}, err)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "ran"))
	require.NoError(t, err)
	return string(text), cmd.ProcessState.ExitCode(), string(calls)
}

func TestScripts_QuietLeavesOutWhatSaysNothingAndKeepsTheStatus(t *testing.T) {
	const said = `=== RUN   TestA\n=== PAUSE TestA\n    --- PASS: TestA/b\n` +
		`--- PASS: TestA\nok  \texample\n`
	for _, status := range []string{"0", "1", "2"} {
		out, code, ran := script(t, said, status, "./.ci/quiet", "-run", "A|B", ".")
		require.Equal(t, "--- PASS: TestA\nok  \texample\n", out)
		require.Equal(t, status, strconv.Itoa(code))
		require.Equal(t, "test -v -run A|B .\n", ran)
	}
	_, code, _ := script(t, `go test: exit status 0\n`, "1", "./.ci/quiet")
	require.Equal(t, 1, code, "a test that prints what ends the filter's input")
}

func TestScripts_FuzzEndsWithTheFirstFinding(t *testing.T) {
	const late = `context deadline exceeded\nFAIL\n`
	const seed = `failure while testing seed corpus entry: FuzzA/seed#0\n`
	const finding = `Failing input written to testdata/fuzz/FuzzA/1\n`
	for name, tt := range map[string]struct {
		said, status string
		code, ran    int
	}{
		"all pass":                         {`ok\n`, "0", 0, 2},
		"a failure":                        {`FAIL\n`, "1", 1, 1},
		"code that does not compile":       {`FAIL\n`, "2", 2, 1},
		"only the time is over":            {late, "1", 0, 2},
		"a finding, and the time is over":  {late + finding, "1", 1, 1},
		"the time is over after a finding": {finding + late, "1", 1, 1},
		"a seed that fails, and says so":   {seed + late, "1", 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			out, code, ran := script(t, tt.said, tt.status, "./.ci/fuzz", "3s")
			require.Equal(t, tt.code, code, out)
			require.Equal(t, tt.ran, strings.Count(ran, "\n"))
			require.Contains(t, ran, "test -run ^$ -fuzz ^FuzzA$ -fuzztime 3s example\n")
			require.Contains(t, out, "== example: FuzzA\n"+strings.ReplaceAll(tt.said, `\n`, "\n"))
		})
	}
}

// A failing go test gives a failing target.
func TestScripts_TargetsFailAsGoTestDoes(t *testing.T) {
	for _, target := range []string{"crash", "fuzz", "rot", "damage"} {
		for _, status := range []string{"0", "1"} {
			t.Run(target+" "+status, func(t *testing.T) {
				out, code, ran := script(t, `--- FAIL: TestA\n`, status, "make", target)
				require.Equal(t, status == "1", code != 0, out)
				require.Contains(t, out, "--- FAIL: TestA")
				require.NotEmpty(t, ran)
			})
		}
	}
}
