package wal_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The quick start of the README is the program that is compiled, to the letter.
func TestReadmeQuickStartIsTheCompiledExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	program, err := os.ReadFile("examples/quickstart/main.go")
	require.NoError(t, err)
	_, code, ok := strings.Cut(string(program), "package main\n")
	require.True(t, ok)
	require.Contains(t, string(readme), "```go\npackage main\n"+code+"```\n")
}
