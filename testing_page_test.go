package wal_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The Go code of docs/TESTING.md is that of the example, to the letter: it compiles, and runs.
func TestTestingPageShowsCodeThatRuns(t *testing.T) {
	page, err := os.ReadFile("docs/TESTING.md")
	require.NoError(t, err)
	code, err := os.ReadFile("examples/crashtest/counter_test.go")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```\n").FindAllStringSubmatch(string(page), -1)
	require.Len(t, blocks, 5)
	for _, b := range blocks {
		require.Contains(t, string(code), b[1])
	}
}
