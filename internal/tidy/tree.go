package tidy

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

var isTest = regexp.MustCompile(`^(?:Test|Fuzz|Benchmark)`)

// Finding is one line that breaks a rule.
type Finding struct {
	Path string
	Line int
	What string
}

func (f Finding) String() string { return fmt.Sprintf("%s:%d: %s", f.Path, f.Line, f.What) }

// File is a text file of the tree. Path is relative to the root, and has slashes.
type File struct{ Path, Text string }

// Tree is what the rules read: all text files of a repository, and its Go files parsed.
type Tree struct {
	files  []File
	fset   *token.FileSet
	parsed map[string]*ast.File
	idents map[string]bool // identifiers in the Go files, and names of packages and directories
	tests  string          // the names of tests, one a line
}

// Load reads the text files below a directory, except those of git and those in testdata.
func Load(root string) (*Tree, error) {
	var files []File
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".git" || d.Name() == "testdata" {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil || bytes.IndexByte(data, 0) >= 0 || !utf8.Valid(data) {
			return err
		}
		rel, err := filepath.Rel(root, name)
		files = append(files, File{filepath.ToSlash(rel), string(data)})
		return err
	})
	if err != nil {
		return nil, err
	}
	return New(files...)
}

// New returns a tree of the given files.
func New(files ...File) (*Tree, error) {
	t := &Tree{
		files: files, fset: token.NewFileSet(),
		parsed: map[string]*ast.File{}, idents: map[string]bool{},
	}
	slices.SortFunc(t.files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	for _, f := range files {
		if path.Ext(f.Path) != ".go" {
			continue
		}
		tree, err := parser.ParseFile(t.fset, f.Path, f.Text, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		t.parsed[f.Path] = tree
		ast.Inspect(tree, t.note)
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			t.idents[path.Base(dir)] = true
		}
	}
	return t, nil
}

// note records the name that a node of a Go file has. It is for ast.Inspect.
func (t *Tree) note(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncDecl:
		if isTest.MatchString(n.Name.Name) {
			t.tests += n.Name.Name + "\n"
		}
	case *ast.Ident:
		t.idents[n.Name] = true
	case *ast.ImportSpec:
		t.idents[path.Base(strings.Trim(n.Path.Value, `"`))] = true
	}
	return true
}

// text returns the text of a file, or "" if there is no such file.
func (t *Tree) text(name string) string {
	for _, f := range t.files {
		if f.Path == name {
			return f.Text
		}
	}
	return ""
}

// has reports whether there is a file or a directory of that path.
func (t *Tree) has(name string) bool {
	name = strings.TrimSuffix(name, "/")
	return slices.ContainsFunc(t.files, func(f File) bool {
		return f.Path == name || strings.HasPrefix(f.Path, name+"/")
	})
}

// generated reports whether a program writes the file.
func (f File) generated() bool {
	head := f.Text[:min(len(f.Text), 400)]
	return strings.Contains(strings.ToLower(head), "do not edit")
}

func (f File) markdown() bool { return path.Ext(f.Path) == ".md" }

// script reports whether the file is a shell script or a Makefile.
func (f File) script() bool {
	return path.Base(f.Path) == "Makefile" || strings.HasPrefix(f.Text, "#!")
}

// lines returns the lines of the file.
func (f File) lines() []string { return strings.Split(f.Text, "\n") }

// lineAt returns the number of the line that an offset of a text is in. The first line is 1.
func lineAt(text string, offset int) int { return 1 + strings.Count(text[:offset], "\n") }
