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

const before = `// Package log is public.
package log

import "io"

const Size = 4

var ErrFull = io.EOF

type Option func(*options)

type options struct{ size int }

type Log struct {
	Name string
	half
	file io.Writer
}

type half struct{ Index uint64 }

func (h *half) Last() (index uint64) { return h.Index }

func (l Log) String() string { return l.Name }

type List[T any] interface{ At(i int) T }

type Writer = io.Writer

func Open(w io.Writer, opts ...Option) (*Log, error) { return nil, nil }
`

var listed = []string{
	"const Size untyped int = 4",
	"field Log.Index uint64",
	"field Log.Name string",
	"func Open(w io.Writer, opts ...Option) (*Log, error)",
	"method (*Log) Last() (index uint64)",
	"method (List) At(i int) T",
	"method (Log) String() string",
	"type List[T any] interface",
	"type Log struct",
	"type Option func(*options)",
	"type Writer = io.Writer",
	"var ErrFull error",
}

// module writes a module with a public package, an internal one, an example and a program.
func module(t *testing.T) (dir string) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs the go command: ", err)
	}
	dir = t.TempDir()
	put(t, dir, "go.mod", "module example\n\ngo 1.26\n")
	put(t, dir, "log/log.go", before)
	put(t, dir, "internal/x/x.go", "package x\n\nfunc Hidden() {}\n")
	put(t, dir, "examples/y/y.go", "package y\n\nfunc Shown() {}\n")
	put(t, dir, "cmd/main.go", "package main\n\nfunc main() {}\n")
	return dir
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestLists_HaveEachExportedNameOfPublicPackages(t *testing.T) {
	got, err := lists(module(t))
	require.NoError(t, err)
	require.Equal(t, map[string][]string{"log.txt": listed}, got)
}

func TestRun_AChangeOfTheAPIIsReportedUntilItIsWritten(t *testing.T) {
	dir := module(t)
	var out, errs bytes.Buffer
	require.Equal(t, 0, run(dir, true, &out, &errs), errs.String())
	require.Equal(t, 0, run(dir, false, &out, &errs), errs.String())
	require.Empty(t, out.String())

	put(t, dir, "log/more.go", "package log\n\nfunc (l *Log) Close() error { return nil }\n")
	put(t, dir, "log/log.go", strings.Replace(before, "Size = 4", "Size = 5", 1))
	require.Equal(t, 1, run(dir, false, &out, &errs), errs.String())
	require.Contains(t, out.String(), "make api-update")
	require.Contains(t, out.String(), "api/log.txt:\n"+
		"-const Size untyped int = 4\n"+
		"+const Size untyped int = 5\n"+
		"+method (*Log) Close() error\n")

	require.Equal(t, 0, run(dir, true, &out, &errs), errs.String())
	out.Reset()
	require.Equal(t, 0, run(dir, false, &out, &errs), errs.String())
	require.Empty(t, out.String())
	require.Empty(t, errs.String())
}

func TestRun_APackageThatIsNewOrGoneIsAChange(t *testing.T) {
	dir := module(t)
	var out, errs bytes.Buffer
	require.Equal(t, 0, run(dir, true, &out, &errs), errs.String())
	require.NoError(t, os.Rename(filepath.Join(dir, "log"), filepath.Join(dir, "records")))
	require.Equal(t, 1, run(dir, false, &out, &errs), errs.String())
	require.Contains(t, out.String(), "api/log.txt:\n-const Size")
	require.Contains(t, out.String(), "api/records.txt:\n+const Size")

	require.Equal(t, 0, run(dir, true, &out, &errs), errs.String())
	require.NoFileExists(t, filepath.Join(dir, "api", "log.txt"))
	require.FileExists(t, filepath.Join(dir, "api", "records.txt"))
}

func TestRun_CodeThatDoesNotCompileIsAnError(t *testing.T) {
	dir := module(t)
	put(t, dir, "log/bad.go", "package log\n\nvar x int = \"\"\n")
	var out, errs bytes.Buffer
	require.Equal(t, 2, run(dir, false, &out, &errs))
	require.Contains(t, errs.String(), "go list")
}
