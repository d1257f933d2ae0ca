package tidy

import (
	"go/ast"
	"regexp"
)

var variable = regexp.MustCompile(`WAL_TEST_\w+`)

// Variables finds environment variables of the tests that a comment, a page or a script names and
// that no Go code reads.
func (t *Tree) Variables() (found []Finding) {
	read := map[string]bool{}
	for _, tree := range t.parsed {
		ast.Inspect(tree, func(n ast.Node) bool {
			if s, ok := n.(*ast.BasicLit); ok {
				for _, name := range variable.FindAllString(s.Value, -1) {
					read[name] = true
				}
			}
			return true
		})
	}
	all := append(t.comments(), t.pages()...)
	for _, f := range t.files {
		if f.script() {
			all = append(all, passage{f.Path, 1, f.Text})
		}
	}
	for _, p := range all {
		for _, m := range variable.FindAllStringIndex(p.text, -1) {
			if name := p.text[m[0]:m[1]]; !read[name] {
				found = append(found, p.at(m[0], "no code reads "+name))
			}
		}
	}
	return found
}
