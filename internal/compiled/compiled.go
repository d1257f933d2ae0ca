// Package compiled finds packages in compiled form, with the go command. It is for the tests and
// tools of this project that check types.
package compiled

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
)

// Package is a package as go list describes it.
type Package struct {
	ImportPath, Name, Dir string
	Export                string   // the file with the compiled package
	GoFiles               []string // without their directory, tests left out
	DepOnly               bool     // it was not asked for, only imported
}

// Packages are packages and all that they import. Each comes after those that it imports.
type Packages []Package

// List compiles the packages in dir that the pattern matches, and returns them and all that they
// import. The error holds what the go command says.
func List(dir, pattern string) (Packages, error) {
	const fields = "-json=ImportPath,Name,Dir,Export,GoFiles,DepOnly"
	cmd := exec.Command("go", "list", "-export", "-deps", fields, pattern)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("go list %s in %s: %w", pattern, dir, err)
	}
	var all Packages
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p Package
		switch err := d.Decode(&p); err {
		case nil:
			all = append(all, p)
		case io.EOF:
			return all, nil
		default:
			return nil, err
		}
	}
}

// Importer returns what imports the packages by their import paths. Positions are in fset.
func (ps Packages) Importer(fset *token.FileSet) types.Importer {
	exports := map[string]string{}
	for _, p := range ps {
		exports[p.ImportPath] = p.Export
	}
	return importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})
}
