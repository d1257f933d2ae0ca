package defects

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// allEnv makes the test try the whole table, which takes minutes; else it is a
// few defects, each with the first of its tests.
const allEnv = "WAL_TEST_ALL_DEFECTS"

func TestEveryDefectIsCaught(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("needs the go command: ", err)
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	for _, d := range table {
		if os.Getenv(allEnv) == "" {
			if !d.quick {
				continue
			}
			d.tests = d.tests[:1]
		}
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			d.run(t, goTool, root)
		})
	}
}

// The whole table takes minutes to try, and is tried by hand; that no line of it has lost its place
// in the code shows at once.
func TestEveryDefectHasItsPlace(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	for _, d := range table {
		t.Run(d.name, func(t *testing.T) { d.source(t, root) })
	}
}

// source returns the file that the defect is in, which holds its place once.
func (d defect) source(t *testing.T, root string) string {
	src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(d.file)))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(src), d.old),
		"%s must hold this once; the code has changed, so put the defect into it anew:\n%s", d.file, d.old)
	return string(src)
}

// run builds the tests with the defect, once, and runs those that must fail.
func (d defect) run(t *testing.T, goTool, root string) {
	tmp, pkg := t.TempDir(), filepath.Join(root, d.module)
	binary := filepath.Join(tmp, "defect.test")
	build := exec.Command(goTool, "test", "-c", "-vet=off", "-overlay="+d.overlay(t, root, tmp), "-o", binary, ".")
	build.Dir = pkg
	out, err := build.CombinedOutput()
	require.NoError(t, err, "the code with the defect does not compile: %s", out)
	for _, test := range d.tests {
		t.Run(test, func(t *testing.T) {
			pattern := "^" + test + "$"
			list := exec.Command(binary, "-test.list="+pattern)
			list.Dir = pkg
			out, err := list.Output()
			require.NoError(t, err)
			require.Equal(t, test, strings.TrimSpace(string(out)), "there is no such test")
			run := exec.Command(binary, "-test.run="+pattern, "-test.timeout=150s")
			run.Dir = pkg
			out, err = run.CombinedOutput()
			var exit *exec.ExitError
			require.True(t, errors.As(err, &exit), "goes unnoticed: %v", err)
			text := string(out)
			require.NotContains(t, text, "panic: test timed out", "it hangs, which is no verdict")
			require.True(t, strings.Contains(text, "--- FAIL: "+test) || strings.Contains(text, "panic: "), "did not fail by itself: %s", text)
		})
	}
}

// overlay writes the file with the defect, and what tells the go command to take it.
func (d defect) overlay(t *testing.T, root, tmp string) string {
	path := filepath.Join(root, filepath.FromSlash(d.file))
	src := d.source(t, root)
	changed := filepath.Join(tmp, "changed.go")
	require.NoError(t, os.WriteFile(changed, []byte(strings.Replace(src, d.old, d.new, 1)), 0o600))
	list, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	require.NoError(t, err)
	overlay := filepath.Join(tmp, "overlay.json")
	require.NoError(t, os.WriteFile(overlay, list, 0o600))
	return overlay
}
