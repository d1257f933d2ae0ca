package tidy

import (
	"fmt"
	"slices"
	"strings"
)

// A Layer is a part of a package. Files are the names of its files, separated by spaces. A file may
// use the files that come before it, in its own layer and in the layers before. Files in brackets,
// as in "[tree.go words.go]", are one object in several files, and may use each other.
type Layer struct{ Name, Files string }

// CheckLayers returns which uses break the layers, and which of the files are in no layer or in
// two: one line for each, sorted.
func CheckLayers(layers []Layer, files []string, uses []Use) []string {
	var wrong []string
	rank := map[string]int{}
	n := 0
	for _, l := range layers {
		object := false
		for word := range strings.FieldsSeq(l.Files) {
			name := strings.Trim(word, "[]")
			if _, twice := rank[name]; twice {
				wrong = append(wrong, name+" is in two layers")
			}
			if !slices.Contains(files, name) {
				wrong = append(wrong, fmt.Sprintf("%s is in the layer %q, and there is no such file", name,
					l.Name))
			}
			if !object || strings.HasPrefix(word, "[") {
				n++
			}
			rank[name] = n
			object = object && !strings.HasSuffix(word, "]") || strings.HasPrefix(word, "[") &&
				!strings.HasSuffix(word, "]")
		}
	}
	for _, f := range files {
		if _, ok := rank[f]; !ok {
			wrong = append(wrong, f+" is in no layer")
		}
	}
	for _, u := range uses {
		if rank[u.To] > rank[u.From] {
			wrong = append(wrong, fmt.Sprintf("%s:%d uses %s of %s, which is above it", u.From, u.Line,
				u.Name, u.To))
		}
	}
	slices.Sort(wrong)
	return slices.Compact(wrong)
}

// CheckImports returns which packages import packages that they may not import: one line for each,
// sorted. The keys of both maps are packages, and the values are those that they may import, or
// that they do import. All are in one module, and named relative to it.
func CheckImports(allowed, imports map[string][]string) []string {
	var wrong []string
	for from, to := range imports {
		may, known := allowed[from]
		if !known {
			wrong = append(wrong, from+" is not in the table of packages")
		}
		for _, p := range to {
			if known && !slices.Contains(may, p) {
				wrong = append(wrong, fmt.Sprintf("%s imports %s, which it may not", from, p))
			}
		}
	}
	for from := range allowed {
		if _, there := imports[from]; !there {
			wrong = append(wrong, from+" is in the table of packages, and there is no such package")
		}
	}
	slices.Sort(wrong)
	return wrong
}
