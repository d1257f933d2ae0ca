package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"iter"
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
		for name, body := range functions(tree) {
			if n := t.between(body.Lbrace, body.Rbrace) - t.rows(body); n > MaxLines {
				what := fmt.Sprintf("%s has %d lines", name, n)
				found = append(found, Finding{f.Path, t.line(body.Pos()), what})
			}
		}
	}
	return found
}

// functions yields the bodies of the functions that a file declares, and of the function literals
// in the declarations of its variables.
func functions(file *ast.File) iter.Seq2[string, *ast.BlockStmt] {
	return func(yield func(string, *ast.BlockStmt) bool) {
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && fn.Body != nil && !yield(fn.Name.Name, fn.Body) {
				return
			}
			if ok {
				continue
			}
			for node := range ast.Preorder(d) {
				if lit, ok := node.(*ast.FuncLit); ok && !yield("a function literal", lit.Body) {
					return
				}
			}
		}
	}
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
