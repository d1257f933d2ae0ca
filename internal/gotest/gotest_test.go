package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// module writes a module with one package that has the given tests, and returns its directory.
func module(t *testing.T, tests string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"),
		[]byte("module example\n\ngo 1.26\n"), 0o600))
	src := "package example\n\nimport \"testing\"\n\n" + tests
	require.NoError(t, os.WriteFile(filepath.Join(dir, "example_test.go"), []byte(src), 0o600))
	return dir
}

func TestGotestPrintsFailuresInFullAndListsSkips(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs the go command: ", err)
	}
	good := module(t, "func TestFine(t *testing.T) { t.Log(\"quiet\") }\n")
	bad := module(t, `func TestFine(t *testing.T) { t.Log("quiet") }
func TestBad(t *testing.T) {
	t.Run("inner", func(t *testing.T) { t.Log("a clue"); t.Error("wrong") })
}
func TestAbsent(t *testing.T) { t.Skip("needs the moon") }
`)
	var out, errs bytes.Buffer
	require.Equal(t, 1, run([]string{"-vet=off"}, []string{bad, good}, &out, &errs), errs.String())
	require.Empty(t, errs.String())
	text := out.String()
	for _, want := range []string{
		"--- FAIL: TestBad", "--- FAIL: TestBad/inner", "a clue", "wrong", "FAIL\texample",
		"ok  \texample", "skipped: 1\n  example: TestAbsent: example_test.go:9: needs the moon\n",
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "quiet")
	require.NotContains(t, text, "=== RUN")
}

// The stream may also hold the output of a build and of go test itself, or end in the middle.
func TestPrinterLosesNothingOfWhatFails(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"a package without tests": {
			`{"Action":"output","Package":"a","Output":"?   \ta\t[no test files]\n"}` + "\n" +
				`{"Action":"skip","Package":"a"}`,
			"?   \ta\t[no test files]\n"},
		"a build that fails": {
			`{"ImportPath":"a","Action":"build-output","Output":"a.go:1: no\n"}` + "\n" +
				`{"Action":"output","Package":"a","Output":"FAIL\ta [build failed]\n"}` + "\n" +
				`{"Action":"fail","Package":"a"}`,
			"a.go:1: no\nFAIL\ta [build failed]\n"},
		"no JSON": {"go: no such tool\n{}\n", "go: no such tool\n{}\n"},
		"a test that never ends": {
			`{"Action":"output","Package":"a","Test":"T","Output":"=== RUN T\n"}` + "\n" +
				`{"Action":"output","Package":"a","Test":"T","Output":"panic: test timed out\n"}`,
			"panic: test timed out\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := newPrinter(&out)
			require.NoError(t, p.read(strings.NewReader(tt.in)))
			require.Equal(t, tt.want, out.String())
		})
	}
}

func TestFlagsAreWhatStandsBeforeTheModules(t *testing.T) {
	flags, modules := split([]string{"-race", "-timeout=30m", ".", "./bench"})
	require.Equal(t, []string{"-race", "-timeout=30m"}, flags)
	require.Equal(t, []string{".", "./bench"}, modules)
}
