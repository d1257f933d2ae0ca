package tidy

import "strings"

// Endings finds lines that end with a space, and files whose last line does not end.
func (t *Tree) Endings() (found []Finding) {
	for _, f := range t.files {
		for i, line := range f.lines() {
			if line != strings.TrimRight(line, " \t\r") {
				found = append(found, Finding{f.Path, i + 1, "space at the end of the line"})
			}
		}
		if f.Text != "" && !strings.HasSuffix(f.Text, "\n") {
			found = append(found, Finding{f.Path, len(f.lines()), "the last line does not end"})
		}
	}
	return found
}
