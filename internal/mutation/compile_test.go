package mutation

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A mutation that does not compile shows nothing. All of them are checked with the types of the
// package that they are in, which takes seconds; TestEveryMutationIsCaught takes minutes.
func TestEveryMutationCompiles(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("needs the go command: ", err)
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	c := newCompiler(t, goTool, root)
	for _, m := range table {
		t.Run(m.name, func(t *testing.T) {
			require.NoError(t, c.check(filepath.Join(root, filepath.FromSlash(m.file)), m.changed(t, root)))
		})
	}
}

// compiler checks the types of packages, with one file in a version of its own.
type compiler struct {
	fset  *token.FileSet
	files map[string][]string // of a package, by its directory
	types types.Config
}

// newCompiler finds the packages of the module, and what they import in compiled form.
func newCompiler(t *testing.T, goTool, root string) *compiler {
	list := exec.Command(goTool, "list", "-export", "-deps",
		"-f", "{{.ImportPath}}\t{{.Export}}\t{{.Dir}}\t{{join .GoFiles \" \"}}", "./...")
	list.Dir = root
	out, err := list.Output()
	require.NoError(t, err)
	c := &compiler{fset: token.NewFileSet(), files: map[string][]string{}}
	compiled := map[string]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		compiled[f[0]] = f[1]
		c.files[f[2]] = strings.Fields(f[3])
	}
	c.types.Importer = importer.ForCompiler(c.fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(compiled[path])
	})
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
