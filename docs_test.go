package wal_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The quick start of the README is the program that is compiled, to the letter.
func TestDocs_ReadmeQuickStartIsTheCompiledExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	program, err := os.ReadFile("examples/quickstart/main.go")
	require.NoError(t, err)
	_, code, ok := strings.Cut(string(program), "package main\n")
	require.True(t, ok)
	require.Contains(t, string(readme), "```go\npackage main\n"+code+"```\n")
}

// The package documentation names every error that there is to test for.
func TestDocs_PackageCommentNamesEveryError(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := 0
	for _, file := range files {
		code, err := os.ReadFile(file)
		require.NoError(t, err)
		declared := regexp.MustCompile(`(?m)^(?:var |\t)(Err[A-Z]\w*) += `)
		for _, name := range declared.FindAllSubmatch(code, -1) {
			require.Contains(t, string(doc), "["+string(name[1])+"]", file)
			found++
		}
	}
	require.Greater(t, found, 15)
}

// The Go code of docs/TESTING.md is that of the example, to the letter: it compiles, and runs.
func TestDocs_TestingPageShowsCodeThatRuns(t *testing.T) {
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
