package tidy

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

var (
	address  = regexp.MustCompile(`https?://\S*|\S*\w\.(?:com|dev|io|org)/\S*`)
	word     = regexp.MustCompile(`\w+`)
	selector = regexp.MustCompile(`^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$`)
	docLink  = regexp.MustCompile(`(?:^|[^\w\])])\[\*?((?:[a-z]\w*\.)?[A-Z]\w*(?:\.\w+)*)\]`)
	fileName = regexp.MustCompile(`[\w./-]*\w\.(?:go|md|proto)\b`)
)

// Words finds names in comments, pages and scripts that do not exist. A name is a word that is
// written like an identifier, such as fileName; a link to one, such as [Tree.Words]; or the name of
// a file. In a page, only words in backquotes can be names; in ARCHITECTURE.md, every single word
// in backquotes is one. A part of the name of a test exists too, because go test -run takes it.
//
// The allowed words are names from elsewhere. Words also finds allowed words that are not needed.
func (t *Tree) Words(allowed ...string) (found []Finding) {
	c := checker{t: t, unused: map[string]bool{}}
	for _, name := range allowed {
		c.unused[name] = true
	}
	c.allowed = maps.Clone(c.unused)
	for _, p := range t.comments() {
		p.text = erase(p.text, address)
		c.camels(p)
		c.links(p)
		c.fileNames(p)
	}
	for _, p := range t.pages() {
		p.text = erase(p.text, address)
		for _, m := range quoted.FindAllStringSubmatchIndex(p.text, -1) {
			span := p.part(m[2], m[3])
			c.camels(span)
			c.fileNames(span)
			if p.path == architecture {
				c.name(span)
			}
		}
	}
	for _, f := range t.files {
		if f.script() {
			c.camels(passage{f.Path, 1, erase(f.Text, address)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.unused)) {
		c.found = append(c.found, Finding{"tidy_test.go", 1, name + " need not be allowed"})
	}
	return c.found
}

// erase returns the text with spaces instead of what the pattern matches.
func erase(text string, pattern *regexp.Regexp) string {
	return pattern.ReplaceAllStringFunc(text, func(s string) string {
		return strings.Repeat(" ", len(s))
	})
}

// checker collects names that do not exist.
type checker struct {
	t               *Tree
	allowed, unused map[string]bool
	found           []Finding
}

// check adds a finding if the name at an offset of the passage neither exists nor is allowed.
func (c *checker) check(p passage, offset int, name string, exists bool) {
	if exists {
		return
	}
	if c.allowed[name] {
		delete(c.unused, name)
		return
	}
	c.found = append(c.found, p.at(offset, "nothing has the name "+name))
}

// camels checks the words of a passage in which a capital letter follows a small one.
func (c *checker) camels(p passage) {
	for _, m := range word.FindAllStringIndex(p.text, -1) {
		if name := p.text[m[0]:m[1]]; camel(name) {
			c.check(p, m[0], name, c.t.named(name))
		}
	}
}

// camel reports whether a capital letter follows a small one.
func camel(name string) bool {
	var before rune
	for _, r := range name {
		if unicode.IsUpper(r) && unicode.IsLower(before) {
			return true
		}
		before = r
	}
	return false
}

// links checks the text in brackets that can be a link to a documented name.
func (c *checker) links(p passage) {
	for _, m := range docLink.FindAllStringSubmatchIndex(p.text, -1) {
		c.name(p.part(m[2], m[3]))
	}
}

// name checks a passage that is one name, or several with dots between them.
func (c *checker) name(p passage) {
	if !selector.MatchString(p.text) || fileName.MatchString(p.text) {
		return
	}
	for part := range strings.SplitSeq(p.text, ".") {
		c.check(p, 0, part, c.t.named(part))
	}
}

// named reports whether something in the Go files has the name, or whether the name of a test
// contains it.
func (t *Tree) named(name string) bool {
	return t.idents[name] || strings.Contains(t.tests, name)
}

// fileNames checks the names of files in a passage: each must be a path from the root or from the
// directory of the passage, or the name of a file in any directory.
func (c *checker) fileNames(p passage) {
	for _, m := range fileName.FindAllStringIndex(p.text, -1) {
		name := p.text[m[0]:m[1]]
		c.check(p, m[0], name, c.t.called(p.path, name))
	}
}

// called reports whether there is a file that the file at the path from can mean by a name.
func (t *Tree) called(from, name string) bool {
	if t.has(path.Clean(name)) || t.has(path.Join(path.Dir(from), name)) {
		return true
	}
	return !strings.Contains(name, "/") && slices.ContainsFunc(t.files, func(f File) bool {
		return path.Base(f.Path) == name
	})
}
