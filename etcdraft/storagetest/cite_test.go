package storagetest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/etcdraft/storagetest"
)

func TestChecks_CiteRaft(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "go.etcd.io/raft/v3").Output()
	if err != nil {
		t.Skip("needs the go command: ", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "*.go"))
	require.NoError(t, err)
	var words []string
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, word := range strings.Fields(string(text)) {
			if strings.Trim(word, "/") != "" {
				words = append(words, strings.TrimPrefix(word, "//"))
			}
		}
	}
	raft := strings.Join(words, " ")
	names := map[string]bool{}
	for _, c := range storagetest.Checks() {
		require.Contains(t, raft, c.Says, c.Name)
		require.False(t, names[c.Name], "two checks have the name %s", c.Name)
		names[c.Name] = true
	}
}
