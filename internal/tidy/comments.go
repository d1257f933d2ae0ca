package tidy

import (
	"go/ast"
	"go/token"
	"strings"
)

// passage is a comment in Go, a page, or a part of one.
type passage struct {
	path string
	line int // where it begins
	text string
}

// at returns a finding at an offset of the passage.
func (p passage) at(offset int, what string) Finding {
	return Finding{p.path, p.line + strings.Count(p.text[:offset], "\n"), what}
}

// part returns a part of the passage.
func (p passage) part(from, to int) passage {
	return passage{p.path, p.at(from, "").Line, p.text[from:to]}
}

// line returns the line of a position in a Go file.
func (t *Tree) line(pos token.Pos) int { return t.fset.Position(pos).Line }

// comments returns the comments of all Go files, without slashes and stars. Comments without an
// empty line between them are one passage.
func (t *Tree) comments() (all []passage) {
	for _, f := range t.files {
		tree := t.parsed[f.Path]
		if tree == nil {
			continue
		}
		for _, group := range tree.Comments {
			all = append(all, passage{f.Path, t.line(group.Pos()), plain(group)})
		}
	}
	return all
}

// plain returns the text of comments, line by line. Lines that are directives for a tool are empty.
func plain(group *ast.CommentGroup) string {
	var lines []string
	for _, c := range group.List {
		text, line := strings.CutPrefix(c.Text, "//")
		if line && (strings.HasPrefix(text, "go:") || strings.HasPrefix(text, "lint:")) {
			text = ""
		}
		if !line {
			text = strings.TrimSuffix(strings.TrimPrefix(text, "/*"), "*/")
		}
		lines = append(lines, text)
	}
	return strings.Join(lines, "\n")
}

// pages returns the pages that describe the tree as it is now: not CHANGELOG.md, which describes
// what it was, and not those that a program writes.
func (t *Tree) pages() (all []passage) {
	for _, f := range t.files {
		if f.markdown() && f.Path != "CHANGELOG.md" && !f.generated() {
			all = append(all, passage{f.Path, 1, f.Text})
		}
	}
	return all
}
