// Command api compares the exported names of the module's public packages with the lists in the
// directory api, so that a change of the API is a change of a file.
//
//	go run ./internal/api [-w]
//
// It runs in the root of the module. With -w the lists are written anew. The exit status is 0 if
// they agree, 1 if they differ, and 2 if the packages cannot be read.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	write := flag.Bool("w", false, "write the lists anew")
	flag.Parse()
	os.Exit(run(".", *write, os.Stdout, os.Stderr))
}

// run compares or writes the lists of the module in dir, and returns the exit status.
func run(dir string, write bool, stdout, stderr io.Writer) int {
	now, err := lists(dir)
	if err != nil {
		fmt.Fprintln(stderr, "api:", err)
		return 2
	}
	kept := filepath.Join(dir, "api")
	if write {
		err = save(kept, now)
		if err != nil {
			fmt.Fprintln(stderr, "api:", err)
			return 2
		}
		return 0
	}
	before, err := load(kept)
	if err != nil {
		fmt.Fprintln(stderr, "api:", err)
		return 2
	}
	changes := compare(before, now)
	if len(changes) == 0 {
		return 0
	}
	fmt.Fprintln(stdout, "The API is not the one in api/. If that is meant, run make api-update.")
	for _, change := range changes {
		fmt.Fprintln(stdout, change)
	}
	return 1
}
