package main

import (
	"fmt"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed449c39bc/wal/internal/compiled"
)

// nested are the modules below the root's that are for others to import.
var nested = []string{"etcdraft", "etcdraft/storagetest"}

// lists returns the exported names of each public package of the module in dir, and of those nested
// in it, sorted, by the name of the list's file.
func lists(dir string) (map[string][]string, error) {
	lists := map[string][]string{}
	if err := addLists(lists, dir); err != nil {
		return nil, err
	}
	for _, module := range nested {
		module = filepath.Join(dir, filepath.FromSlash(module))
		if _, err := os.Stat(module); err != nil {
			continue
		}
		if err := addLists(lists, module); err != nil {
			return nil, err
		}
	}
	return lists, nil
}

// addLists adds the lists of one module.
func addLists(lists map[string][]string, dir string) error {
	all, err := compiled.List(dir, "./...")
	if err != nil {
		return err
	}
	imports := all.Importer(token.NewFileSet())
	for _, p := range all {
		if p.DepOnly || p.Name == "main" || !public(p.ImportPath) {
			continue
		}
		pkg, err := imports.Import(p.ImportPath)
		if err != nil {
			return err
		}
		lists[path.Base(p.ImportPath)+".txt"] = list(pkg)
	}
	return nil
}

// public reports whether a package is for others to import: neither internal nor an example.
func public(path string) bool {
	return !slices.ContainsFunc(strings.Split(path, "/"), func(dir string) bool {
		return dir == "internal" || dir == "examples"
	})
}

// list returns a line for each exported name of the package, sorted.
func list(pkg *types.Package) []string {
	l := lister{pkg: pkg}
	for _, name := range pkg.Scope().Names() {
		if token.IsExported(name) {
			l.object(pkg.Scope().Lookup(name))
		}
	}
	slices.Sort(l.lines)
	return l.lines
}

// lister collects the lines of a package.
type lister struct {
	pkg   *types.Package
	lines []string
}

func (l *lister) add(format string, args ...any) {
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

// text returns a type, with the names of other packages in front of their types.
func (l *lister) text(t types.Type) string {
	return types.TypeString(t, l.qualify)
}

func (l *lister) qualify(p *types.Package) string {
	if p == l.pkg {
		return ""
	}
	return p.Name()
}

// object adds what an exported name of the package is.
func (l *lister) object(o types.Object) {
	switch o := o.(type) {
	case *types.Const:
		l.add("const %s %s = %s", o.Name(), l.text(o.Type()), o.Val().ExactString())
	case *types.TypeName:
		l.typeName(o)
	default: // a variable or a function
		l.add("%s", types.ObjectString(o, l.qualify))
	}
}

// typeName adds a type, its exported fields and its exported methods, those included that it has
// from what it embeds.
func (l *lister) typeName(o *types.TypeName) {
	if o.IsAlias() {
		l.add("%s", types.ObjectString(o, l.qualify))
		return
	}
	name := l.text(o.Type())
	switch t := o.Type().Underlying().(type) {
	case *types.Struct:
		l.add("type %s struct", name)
		l.fields(o.Name(), t)
	case *types.Interface:
		l.add("type %s interface", name)
	default:
		l.add("type %s %s", name, l.text(t))
	}
	l.methods(o)
}

// fields adds the exported fields of a struct, also those that are reached through an embedded
// struct whose name is not exported.
func (l *lister) fields(name string, s *types.Struct) {
	for f := range s.Fields() {
		inner := f.Type()
		if p, ok := inner.(*types.Pointer); ok {
			inner = p.Elem()
		}
		switch embedded, ok := inner.Underlying().(*types.Struct); {
		case f.Exported():
			l.add("field %s.%s %s", name, f.Name(), l.text(f.Type()))
		case f.Embedded() && ok:
			l.fields(name, embedded)
		}
	}
}

// methods adds the exported methods of a type: behind a star those that need a pointer.
func (l *lister) methods(o *types.TypeName) {
	values := types.NewMethodSet(o.Type())
	all := values
	if !types.IsInterface(o.Type()) {
		all = types.NewMethodSet(types.NewPointer(o.Type()))
	}
	for m := range all.Methods() {
		if !m.Obj().Exported() {
			continue
		}
		star := ""
		if values.Lookup(l.pkg, m.Obj().Name()) == nil {
			star = "*"
		}
		signature := strings.TrimPrefix(l.text(m.Type()), "func")
		l.add("method (%s%s) %s%s", star, o.Name(), m.Obj().Name(), signature)
	}
}
