package tidy

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

var (
	link       = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	anyHeading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	elsewhere  = regexp.MustCompile(`^[a-z]+:`)
)

// Links finds links of a page to files of the tree that do not exist, or have no such heading.
func (t *Tree) Links() (found []Finding) {
	for _, f := range t.files {
		if !f.markdown() {
			continue
		}
		p := passage{f.Path, 1, f.Text}
		for _, m := range link.FindAllStringSubmatchIndex(f.Text, -1) {
			target := f.Text[m[2]:m[3]]
			if elsewhere.MatchString(target) {
				continue
			}
			name, anchor, _ := strings.Cut(target, "#")
			file := f.Path
			if name != "" {
				file = path.Join(path.Dir(f.Path), name)
			}
			if !t.has(file) {
				found = append(found, p.at(m[0], "there is no "+file))
			} else if anchor != "" && !slices.Contains(anchors(t.text(file)), anchor) {
				found = append(found, p.at(m[0], file+" has no heading "+anchor))
			}
		}
	}
	return found
}

// anchors returns what the headings of a page are called in links.
func anchors(page string) (all []string) {
	for _, m := range anyHeading.FindAllStringSubmatch(page, -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			case r == ' ':
				return '-'
			}
			return -1
		}, m[1])
		all = append(all, name)
	}
	return all
}
