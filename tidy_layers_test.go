package wal_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/tidy"
)

// layers says which file of this package may use which: those that come before it, and, in
// brackets, each other. ARCHITECTURE.md has what each of them is for.
var layers = []tidy.Layer{
	{Name: "base", Files: "doc.go errors.go options.go access.go directory.go tell.go"},
	{Name: "segments", Files: "temporary.go file_pipeline.go zeropolicy.go zerofill.go encoder.go " +
		"segment.go filecache.go"},
	{Name: "bytes", Files: "zeros.go window.go plain.go finder.go salvage.go decoder.go rest.go " +
		"logend.go"},
	{Name: "contents", Files: "chunk.go index.go edits.go [contents.go control.go jump.go marks.go]"},
	{Name: "recovery", Files: "scan.go replay.go [load.go beside.go] survey.go start.go locks.go"},
	{Name: "read", Files: "[reader.go cursor.go readers.go] readall.go readinto.go"},
	{Name: "write", Files: "batch.go [wal.go open.go recover.go commit.go leader.go linger.go " +
		"delay.go flush.go cut.go shortage.go compact.go release.go close.go stats.go] " +
		"create.go restore.go pending.go"},
	{Name: "use", Files: "follow.go [record.go resync.go] verify.go valid_snapshots.go repair.go " +
		"backup.go"},
}

// imports says which package of the module may import which others of it, tests left out.
var imports = map[string][]string{
	".": {"internal/access", "internal/codec", "internal/crc32c", "internal/frame", "internal/memfs",
		"internal/verdict", "internal/vfs", "log", "walpb"},
	"log":                {"internal/embedding", "walpb"},
	"walpb":              nil,
	"internal/access":    {"internal/vfs"},
	"internal/codec":     {"internal/embedding", "log", "walpb"},
	"internal/crc32c":    nil,
	"internal/embedding": nil,
	"internal/frame":     {"internal/crc32c", "log", "walpb"},
	"internal/memfs":     {"internal/vfs"},
	"internal/verdict":   nil,
	"internal/vfs":       nil,
}

// forTests are the packages that tests and the Makefile use: they may import what they like, and
// none of those above imports them.
var forTests = []string{
	"internal/api", "internal/compiled", "internal/crashfs", "internal/crashmodel",
	"internal/faultfs", "internal/gotest", "internal/killer", "internal/mutation",
	"internal/oracle", "internal/tidy",
}

func needGo(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs the go command: ", err)
	}
}

func TestTidy_FilesUseOnlyWhatIsBelowThem(t *testing.T) {
	needGo(t)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
	uses, err := tidy.Uses(".")
	require.NoError(t, err)
	require.Greater(t, len(uses), 1000, "the uses are found")
	require.Empty(t, tidy.CheckLayers(layers, files, uses))

	upside := slices.Clone(layers)
	slices.Reverse(upside)
	require.NotEmpty(t, tidy.CheckLayers(upside, files, uses), "a violation is found")
}

func TestTidy_PackagesImportOnlyWhatTheyMay(t *testing.T) {
	needGo(t)
	const module = "github.com/seed449c39bc/wal"
	const format = `{{.ImportPath}} {{join .Imports " "}}`
	out, err := exec.Command("go", "list", "-f", format, "./...").Output()
	require.NoError(t, err)
	found := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		names := strings.Fields(line)
		from := relative(module, names[0])
		if strings.HasPrefix(from, "examples/") || slices.Contains(forTests, from) {
			continue
		}
		found[from] = nil
		for _, to := range names[1:] {
			if to == module || strings.HasPrefix(to, module+"/") {
				found[from] = append(found[from], relative(module, to))
			}
		}
	}
	require.Empty(t, tidy.CheckImports(imports, found))
}

// relative names a package by its directory in the module.
func relative(module, path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

// What is for one system only would escape the lists of the API and of imports, which are made on
// the system that the tests run on. It belongs into internal/vfs.
func TestTidy_PublicPackagesAreTheSameOnEverySystem(t *testing.T) {
	needGo(t)
	const format = `{{range .IgnoredGoFiles}}{{.}} {{end}}`
	for _, dir := range []string{".", "log", "walpb"} {
		out, err := exec.Command("go", "list", "-f", format, "./"+dir).Output()
		require.NoError(t, err)
		for _, f := range strings.Fields(string(out)) {
			require.True(t, strings.HasSuffix(f, "_test.go"), "%s/%s", dir, f)
		}
	}
}
