package tidy

import (
	"regexp"
	"strings"
)

const format = "docs/FORMAT.md"

var (
	// citation matches, after the page's name, "3.2", ", section 3", "sections 2, 3 and 5" and
	// "7, row 3'".
	citation = regexp.MustCompile(
		`FORMAT\.md,?\s+(?:sections?\s+)?(\d+(?:\.\d+)*(?:(?:,|\s+and|,\s+and)\s+\d+(?:\.\d+)*)*)` +
			`(?:,\s+rows?\s+(\d+'?(?:(?:,|\s+and|,\s+and)\s+\d+'?)*))?`)
	nameless = regexp.MustCompile(
		`FORMAT\.md,\s+(?:"|rows?\b|[A-Z])|\bsections?\s+[\d., and]*\s+of\s+(?:docs/)?FORMAT\b|` +
			`\bFORMAT\s+\d`)
	number   = regexp.MustCompile(`\d+(?:\.\d+)*'?`)
	heading  = regexp.MustCompile(`(?m)^#+ (\d+(?:\.\d+)*)\.? .*$`)
	tableRow = regexp.MustCompile(`(?m)^\| *(\d+'?) *\|`)
)

// Citations finds citations of docs/FORMAT.md that do not give a section by its number, right after
// the page's name, or that give a section, or a row of a section's table, which the page does not
// have.
func (t *Tree) Citations() (found []Finding) {
	sections := numbered(t.text(format))
	for _, p := range append(t.comments(), t.pages()...) {
		for _, m := range citation.FindAllStringSubmatchIndex(p.text, -1) {
			rows := map[string]bool{}
			for _, section := range number.FindAllString(p.text[m[2]:m[3]], -1) {
				body, ok := sections[section]
				if !ok {
					found = append(found, p.at(m[0], format+" has no section "+section))
				}
				for _, row := range tableRow.FindAllStringSubmatch(body, -1) {
					rows[row[1]] = true
				}
			}
			if m[4] < 0 {
				continue
			}
			for _, row := range number.FindAllString(p.text[m[4]:m[5]], -1) {
				if !rows[row] {
					found = append(found, p.at(m[0], "that section has no row "+row))
				}
			}
		}
		for _, m := range nameless.FindAllStringIndex(p.text, -1) {
			found = append(found, p.at(m[0], "cite the section of "+format+" by its number"))
		}
	}
	return found
}

// numbered returns the sections of a page by their numbers. A section includes its subsections.
func numbered(page string) map[string]string {
	sections := map[string]string{}
	for _, m := range heading.FindAllStringSubmatchIndex(page, -1) {
		level := strings.Repeat("#", strings.Index(page[m[0]:m[1]], " "))
		body := page[m[1]:]
		for ; level != ""; level = level[1:] {
			body, _, _ = strings.Cut(body, "\n"+level+" ")
		}
		sections[page[m[2]:m[3]]] = body
	}
	return sections
}
