package tidy

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

// MaxColumns is how many characters a line may have; a tab counts as one.
const MaxColumns = 100

var linkTarget = regexp.MustCompile(`\]\([^)]*\)`)

// Columns finds lines that are too long: all lines of Go, scripts, workflows and the Makefile, and
// of pages those in paragraphs. Tables, code, and the targets of links do not count, because they
// cannot be wrapped.
func (t *Tree) Columns() (found []Finding) {
	for _, f := range t.files {
		lines := f.lines()
		switch {
		case f.generated():
			continue
		case f.markdown():
			lines = paragraphs(lines)
		case path.Ext(f.Path) != ".go" && path.Ext(f.Path) != ".yml" && !f.script():
			continue
		}
		for i, line := range lines {
			if n := utf8.RuneCountInString(line); n > MaxColumns {
				what := fmt.Sprintf("%d columns", n)
				found = append(found, Finding{f.Path, i + 1, what})
			}
		}
	}
	return found
}

// paragraphs returns the lines of a page, with an empty line for each one that cannot be wrapped.
func paragraphs(lines []string) []string {
	kept := make([]string, len(lines))
	code := false
	for i, line := range lines {
		start := strings.TrimSpace(line)
		if strings.HasPrefix(start, "```") {
			code = !code
		}
		if code || strings.HasPrefix(start, "|") || strings.HasPrefix(line, "    ") {
			continue
		}
		kept[i] = linkTarget.ReplaceAllString(line, "]")
	}
	return kept
}
