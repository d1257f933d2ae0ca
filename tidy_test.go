package wal_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed449c39bc/wal/internal/tidy"
)

// Names in comments and pages that are of elsewhere: units, and names of Linux, Go, etcd and raft.
var namesOfElsewhere = []string{
	"BinaryUnmarshaler", "GiB", "KiB", "MustUnmarshal", "PurgeFile", "StartNode", "TiB", "VmHWM",
	"macOS",
}

// The rules that a machine keeps; internal/tidy says what each one finds.
func TestTidy(t *testing.T) {
	tree, err := tidy.Load(".")
	require.NoError(t, err)
	rules := map[string]func() []tidy.Finding{
		"columns":   tree.Columns,
		"endings":   tree.Endings,
		"functions": tree.Functions,
		"rooms":     tree.Rooms,
		"words":     func() []tidy.Finding { return tree.Words(namesOfElsewhere...) },
		"citations": tree.Citations,
		"places":    tree.Places,
		"links":     tree.Links,
		"targets":   tree.Targets,
		"variables": tree.Variables,
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

// The public CI runs the steps of .ci/run, but for the one that only root can start.
func TestTidy_TheWorkflowRunsTheStepsOfTheGate(t *testing.T) {
	gate, err := os.ReadFile(".ci/run")
	require.NoError(t, err)
	var steps []string
	for _, m := range regexp.MustCompile(`(?m)^step make (.*)$`).FindAllStringSubmatch(string(gate),
		-1) {
		if m[1] != "test-as-user" {
			steps = append(steps, m[1])
		}
	}
	workflow, err := os.ReadFile(".github/workflows/ci.yml")
	require.NoError(t, err)
	require.Contains(t, string(workflow), "target: ["+strings.Join(steps, ", ")+"]\n")
	require.Contains(t, string(workflow), "run: make ${{ matrix.target }}\n")
}
