// Package tidy has the rules for the form of this project: which file may use which, and what holds
// for every file. Each rule returns what breaks it, and changes nothing. The package is for tests
// only.
package tidy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
	p, err := list(dir)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range p.files {
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: importer.ForCompiler(fset, "gc", p.export)}
	pkg, err := conf.Check(p.path, fset, files, info)
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

// listed is what the go command says of a package.
type listed struct {
	path    string
	files   []string
	exports map[string]string // the compiled packages that it imports, by import path
}

// list asks the go command for the package in dir.
func list(dir string) (*listed, error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Export,GoFiles", ".")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("go list in %s: %w", dir, err)
	}
	p := &listed{exports: map[string]string{}}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var one struct {
			ImportPath, Export string
			GoFiles            []string
		}
		if err := d.Decode(&one); err == io.EOF {
			return p, nil // the package itself comes last
		} else if err != nil {
			return nil, err
		}
		p.exports[one.ImportPath] = one.Export
		p.path, p.files = one.ImportPath, one.GoFiles
	}
}

// export opens the compiled package that has the import path.
func (p *listed) export(path string) (io.ReadCloser, error) { return os.Open(p.exports[path]) }
