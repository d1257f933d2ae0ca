package tidy

import (
	"go/ast"
	"go/token"
	"strings"
)

// passage is a text that explains: a comment in Go, or a page.
type passage struct {
	path string
	line int // of its beginning
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

// line returns the line of a place in a Go file.
func (t *Tree) line(pos token.Pos) int { return t.fset.Position(pos).Line }

// comments returns the comments of all Go files, without their slashes and stars. Comments that
// follow each other are one.
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

// plain returns the text of comments, with a line for each of theirs. What is for a tool is empty.
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

// pages returns the pages that say what is so now: not what the tree was once, and not what a
// program wrote.
func (t *Tree) pages() (all []passage) {
	for _, f := range t.files {
		if f.markdown() && f.Path != "CHANGELOG.md" && !f.generated() {
			all = append(all, passage{f.Path, 1, f.Text})
		}
	}
	return all
}
