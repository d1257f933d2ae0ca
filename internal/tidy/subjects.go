package tidy

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxSubject is how many characters the subject of a commit may have.
const MaxSubject = 72

// Subjects finds subjects of commits that are too long. log has a line for each commit: its hash, a
// space, and the subject.
func Subjects(log string) (found []Finding) {
	for line := range strings.Lines(log) {
		hash, subject, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if n := utf8.RuneCountInString(subject); n > MaxSubject {
			what := fmt.Sprintf("%d characters: %s", n, subject)
			found = append(found, Finding{"commit " + hash, 0, what})
		}
	}
	return found
}
