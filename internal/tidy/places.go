package tidy

import "regexp"

// places are patterns for what belongs to one machine and must not be in the tree.
var places = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"a path of one machine",
		regexp.MustCompile(`(?:^|[\s"'(=:` + "`" + `])/(?:root|home|Users|work|private|tmp/\w+)/\w`)},
	{"a host of a registry", regexp.MustCompile(
		`(?i)(?:proxy|sum)\.golang\.org|\b(?:artifactory|goproxy|nexus|verdaccio)[.:-]|` +
			`registry\.\w+\.\w+|\bpypi\.|deb\.debian\.org`)},
}

// Places finds absolute paths of one machine, and hosts of registries.
func (t *Tree) Places() (found []Finding) {
	for _, f := range t.files {
		for i, line := range f.lines() {
			for _, p := range places {
				if s := p.pattern.FindString(line); s != "" {
					found = append(found, Finding{f.Path, i + 1, p.what + ": " + s})
				}
			}
		}
	}
	return found
}
