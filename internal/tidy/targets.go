package tidy

import (
	"path"
	"regexp"
	"slices"
)

var (
	callOfMake   = regexp.MustCompile("(?m)(?:`|^step |run: )make ([a-z][a-z-]*)")
	targetOfMake = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)
)

// Targets finds targets of make that a page, .ci/run or a workflow names and that the Makefile does
// not have.
func (t *Tree) Targets() (found []Finding) {
	var targets []string
	for _, m := range targetOfMake.FindAllStringSubmatch(t.text("Makefile"), -1) {
		targets = append(targets, m[1])
	}
	for _, f := range t.files {
		if f.Path == "CHANGELOG.md" || path.Ext(f.Path) == ".go" {
			continue
		}
		p := passage{f.Path, 1, f.Text}
		for _, m := range callOfMake.FindAllStringSubmatchIndex(f.Text, -1) {
			name := f.Text[m[2]:m[3]]
			if !slices.Contains(targets, name) {
				found = append(found, p.at(m[0], "the Makefile has no target "+name))
			}
		}
	}
	return found
}
