package wal_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/tidy"
)

// The rules that a machine keeps; internal/tidy says what each one finds.
func TestTidy(t *testing.T) {
	tree, err := tidy.Load(".")
	require.NoError(t, err)
	rules := map[string]func() []tidy.Finding{
		"endings": tree.Endings,
		"places":  tree.Places,
		"links":   tree.Links,
		"targets": tree.Targets,
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			for _, f := range rule() {
				t.Error(f)
			}
		})
	}
}

// The rule is as old as this file: the commits before it are as they are.
func TestTidy_SubjectsOfCommits(t *testing.T) {
	git := func(args ...string) string {
		out, err := exec.Command("git", args...).Output()
		if err != nil {
			t.Skip("needs git, and the history: ", err)
		}
		return strings.TrimSpace(string(out))
	}
	first := git("log", "--diff-filter=A", "--format=%h", "-1", "--", "tidy_test.go")
	for _, f := range tidy.Subjects(git("log", "--no-merges", "--format=%h %s", first+"..HEAD")) {
		t.Error(f)
	}
}
