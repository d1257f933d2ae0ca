package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
)

// MaxLines is how many lines the body of a function may have.
const MaxLines = 50

// Functions finds functions that are too long, tests included. The rows of tables do not count.
func (t *Tree) Functions() (found []Finding) {
	for _, f := range t.files {
		tree := t.parsed[f.Path]
		if tree == nil {
			continue
		}
		for _, d := range tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			n := t.between(fn.Body.Lbrace, fn.Body.Rbrace) - t.rows(fn.Body)
			if n > MaxLines {
				what := fmt.Sprintf("%s has %d lines", fn.Name.Name, n)
				found = append(found, Finding{f.Path, t.line(fn.Pos()), what})
			}
		}
	}
	return found
}

// between returns the number of lines between the lines of two braces.
func (t *Tree) between(open, end token.Pos) int {
	return max(t.line(end)-t.line(open)-1, 0)
}

// rows returns the number of lines inside the literals of slices and maps in a function body.
func (t *Tree) rows(body *ast.BlockStmt) (n int) {
	ast.Inspect(body, func(node ast.Node) bool {
		table, ok := node.(*ast.CompositeLit)
		if !ok {
			return true
		}
		switch table.Type.(type) {
		case *ast.ArrayType, *ast.MapType:
			n += t.between(table.Lbrace, table.Rbrace)
			return false
		}
		return true
	})
	return n
}
