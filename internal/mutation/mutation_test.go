package mutation

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

// allEnv is the variable that makes the test try the whole table, which takes minutes. Without it
// the test tries a few mutations, each only with the first of its tests.
const allEnv = "WAL_TEST_ALL_MUTATIONS"

func TestEveryMutationIsCaught(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("needs the go command: ", err)
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	for _, m := range table {
		if os.Getenv(allEnv) == "" {
			if !m.quick {
				continue
			}
			m.tests = m.tests[:1]
		}
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			m.run(t, goTool, root)
		})
	}
}

// The whole table takes minutes, so it is tried by hand. This test is fast, and fails as soon as a
// row of the table no longer matches the code. With -v it prints each mutation in one line: the
// file, the mistake, and the tests that notice it.
func TestEveryMutationHasItsPlace(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	for _, m := range table {
		t.Run(m.name, func(t *testing.T) {
			t.Logf("%s: %s: %s", m.file, m.name, strings.Join(m.tests, ", "))
			m.source(t, root)
		})
	}
}

// source returns the text of the file that the mutation changes. It fails unless the file holds the
// old text exactly once.
func (m mutation) source(t *testing.T, root string) string {
	src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m.file)))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(src), m.old),
		"%s must hold this once; the code has changed, so write the mutation anew:\n%s", m.file, m.old)
	return string(src)
}

// changed returns the text of the file with the mutation.
func (m mutation) changed(t *testing.T, root string) string {
	return strings.Replace(m.source(t, root), m.old, m.new, 1)
}

// run builds the tests with the mutation once, and runs those that must fail.
func (m mutation) run(t *testing.T, goTool, root string) {
	tmp, pkg := t.TempDir(), filepath.Join(root, m.module)
	binary := filepath.Join(tmp, "mutation.test")
	build := exec.Command(goTool, "test", "-c", "-vet=off", "-overlay="+m.overlay(t, root, tmp), "-o",
		binary, ".")
	build.Dir = pkg
	out, err := build.CombinedOutput()
	require.NoError(t, err, "the code with the mutation does not compile: %s", out)
	for _, test := range m.tests {
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
			require.True(t, strings.Contains(text, "--- FAIL: "+test) || strings.Contains(text, "panic: "),
				"did not fail by itself: %s", text)
		})
	}
}

// overlay writes the file with the mutation, and returns the path of the overlay file that makes
// the go command use it.
func (m mutation) overlay(t *testing.T, root, tmp string) string {
	path := filepath.Join(root, filepath.FromSlash(m.file))
	changed := filepath.Join(tmp, "changed.go")
	require.NoError(t, os.WriteFile(changed, []byte(m.changed(t, root)), 0o600))
	list, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	require.NoError(t, err)
	overlay := filepath.Join(tmp, "overlay.json")
	require.NoError(t, os.WriteFile(overlay, list, 0o600))
	return overlay
}
