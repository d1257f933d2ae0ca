// Package tidy has the rules for the form of this project: which file may use which, and what holds
// for every file. Each rule returns what breaks it, and changes nothing. The package is for tests
// only.
package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"

	"github.com/seed449c39bc/wal/internal/compiled"
)

// Use says that a file uses a name that another file of the package declares.
type Use struct {
	From, To string // names of files, without their directory
	Name     string // of what is used
	Line     int    // in From
}

// Uses returns what the files of the package in dir use of each other: names of the package,
// methods and fields. It leaves out tests. It needs the go command, which compiles what the package
// imports.
func Uses(dir string) ([]Use, error) {
	all, err := compiled.List(dir, ".")
	if err != nil {
		return nil, err
	}
	p := all[len(all)-1] // after all that it imports
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: all.Importer(fset)}
	pkg, err := conf.Check(p.ImportPath, fset, files, info)
	if err != nil {
		return nil, err
	}
	var uses []Use
	for id, obj := range info.Uses {
		if obj.Pkg() != pkg || !isDeclared(obj) {
			continue
		}
		from, to := fset.Position(id.Pos()), fset.Position(obj.Pos())
		if from.Filename != to.Filename {
			uses = append(uses, Use{filepath.Base(from.Filename), filepath.Base(to.Filename), obj.Name(),
				from.Line})
		}
	}
	return uses, nil
}

// isDeclared reports whether an object is declared at the top level of its package, or is a method
// or a field.
func isDeclared(obj types.Object) bool {
	switch o := obj.(type) {
	case *types.Func:
		return true
	case *types.Var:
		return o.IsField() || o.Parent() == o.Pkg().Scope()
	}
	return obj.Parent() == obj.Pkg().Scope()
}
