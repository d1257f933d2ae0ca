package mutation

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/seed449c39bc/wal/internal/compiled"
	"github.com/stretchr/testify/require"
)

// A mutation that does not compile shows nothing. All of them are checked with the types of the
// package that they are in, which takes seconds; TestEveryMutationIsCaught takes minutes.
func TestEveryMutationCompiles(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs the go command: ", err)
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	compilers := map[string]*compiler{} // by the module's directory
	for _, m := range table {
		file := filepath.Join(root, filepath.FromSlash(m.file))
		module := moduleOf(file)
		if compilers[module] == nil {
			compilers[module] = newCompiler(t, module)
		}
		t.Run(m.name, func(t *testing.T) {
			require.NoError(t, compilers[module].check(file, m.changed(t, root)))
		})
	}
}

// moduleOf returns the directory of the module that a file belongs to.
func moduleOf(file string) string {
	dir := filepath.Dir(file)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// compiler checks the types of packages, with one file in a version of its own.
type compiler struct {
	fset  *token.FileSet
	files map[string][]string // of a package, by its directory
	types types.Config
}

// newCompiler finds the packages of the module, and what they import in compiled form.
func newCompiler(t *testing.T, root string) *compiler {
	all, err := compiled.List(root, "./...")
	require.NoError(t, err)
	c := &compiler{fset: token.NewFileSet(), files: map[string][]string{}}
	for _, p := range all {
		c.files[p.Dir] = p.GoFiles
	}
	c.types.Importer = all.Importer(c.fset)
	return c
}

// check returns the first error of the package of a file, with src in place of that file.
func (c *compiler) check(file, src string) error {
	var files []*ast.File
	dir, name := filepath.Split(file)
	for _, n := range c.files[filepath.Clean(dir)] {
		var text any // nil: what is in the file
		if n == name {
			text = src
		}
		f, err := parser.ParseFile(c.fset, filepath.Join(dir, n), text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	_, err := c.types.Check(files[0].Name.Name, c.fset, files, nil)
	return err
}
